//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// loopContent is the file in the filesystem of loopImage.
func loopContent() []byte { return noise()[:3<<20] }

var loopOnce struct {
	sync.Once
	data []byte
}

// loopImage returns an ext4 filesystem with one file, the same for all.
func loopImage(t *testing.T) []byte {
	t.Helper()
	loopOnce.Do(func() {
		path := filepath.Join(t.TempDir(), "disk.img")
		source := filepath.Dir(newFile(t, "file", loopContent()))
		tool(t, "mke2fs", "-q", "-t", "ext4", "-d", source, path, "5M")
		loopOnce.data, _ = os.ReadFile(path)
	})
	return loopOnce.data
}
