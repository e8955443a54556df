// Package smalldisk gives tests a disk that is soon full.
package smalldisk

import (
	"os"
	"runtime"
	"testing"
)

// New returns a directory on a filesystem of 2 MiB, for the time of a test. It skips the
// test where that cannot be had: it takes root, and Linux.
func New(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root, to mount a small filesystem")
	}
	dir := t.TempDir()
	if err := mount(dir); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
