package visserver_test

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func TestFullDiskIsSaidSoAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("a small filesystem needs root: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	v := start(t, visserver.Options{Dir: dir})
	img := v.post("x", "")
	tooMuch := make([]byte, 4<<20)
	v.do(request{method: "POST", path: "/images", body: bytes.NewReader(tooMuch), header: headers("name", "y", "architecture", "i386")}).
		wantError(t, 507, "The server's disk is full")
	v.do(request{method: "PUT", path: img.path(), body: bytes.NewReader(tooMuch)}).wantError(t, 507, "The server's disk is full")
	if got := v.list("foo", "?status=error"); len(got) != 1 || got[0] != "x" {
		t.Errorf("images in error: %v", got)
	}
	if got := v.files(); len(got) > 0 {
		t.Errorf("files left: %v", got)
	}
	v.do(request{method: "PUT", path: img.path(), body: bytes.NewReader(tooMuch[:1000])}).image(t)
}
