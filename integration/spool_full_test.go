//go:build linux

package integration

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// withFullSpools runs a test with either server, and with either bound on the spool: one
// that was set, and a small disk.
func withFullSpools(t *testing.T, test func(t *testing.T, s *server, m *mount)) {
	t.Helper()
	withBothServers(t, func(t *testing.T, s *server) {
		t.Run("bound", func(t *testing.T) {
			m := startMount(t, s.url, append(spoolFlags(t.TempDir()), "--spool-size", "1MiB")...)
			test(t, s, m)
		})
		t.Run("small disk", func(t *testing.T) {
			needRoot(t)
			m := startMount(t, s.url, spoolFlags(smallDisk(t, "1m"))...)
			test(t, s, m)
		})
	})
}

// smallDisk mounts a file system of so many bytes, which nobody else may write to.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := newMountpoint(t)
	tool(t, "mount", "-t", "tmpfs", "-o", "mode=0700,size="+size, "tmpfs", dir)
	t.Cleanup(func() { tool(t, "umount", dir) })
	return dir
}

func TestFullSpoolDoesNotKeepFilesFromBeingWrittenInOrder(t *testing.T) {
	withFullSpools(t, func(t *testing.T, s *server, m *mount) {
		m.allowLog(`level=WARN .*no space left`)
		data := random(260, 5<<20+7)
		tool(t, "cp", newFile(t, "source", data), m.path("a.img"))
		s.wantSettled("a.img", data)
		other := random(261, 4<<20+1)
		tool(t, "cp", newFile(t, "source", other), m.path("a.img")) // over what is there
		s.wantSettled("a.img", other)
		s.delete(s.only("a.img").text("_id"))
	})
}

func TestFullSpoolIsNoSpaceLeftToWhoNeedsIt(t *testing.T) {
	withFullSpools(t, func(t *testing.T, s *server, m *mount) {
		m.expectLog(`level=(WARN|ERROR) .*no space left`)
		m.allowLog(`level=(WARN|ERROR) .*path=/a.img`)
		writes := []extent{{3 << 20, random(262, 300_000)}, {0, random(263, 3<<20)}}
		done, err := writeExtents(m.path("a.img"), writes)
		wantErrno(t, "write out of order", err, unix.ENOSPC)
		for _, img := range s.images() {
			want := (&uploadCase{}).result(done)
			if img.text("status") == "available" && img.text("checksum") != md5Hex(want) {
				t.Errorf("the server has what nobody wrote: %v", img)
			}
			s.delete(img.text("_id"))
		}
		data := random(264, 300_000) // there is room again
		done, err = writeExtents(m.path("b.img"), []extent{{100_000, data[100_000:]}, {0, data[:100_000]}})
		if err != nil || len(done) != 2 {
			t.Fatalf("write of little out of order: %v", err)
		}
		s.wantSettled("b.img", data)
		s.delete(s.only("b.img").text("_id"))
	})
}

// writeExtents writes ranges of a file, up to the first error, and returns those that
// the file took.
func writeExtents(path string, writes []extent) (done []extent, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for _, w := range writes {
		if _, err = f.WriteAt(w.data, int64(w.off)); err != nil {
			break
		}
		done = append(done, w)
	}
	return done, errors.Join(err, f.Close())
}
