//go:build linux

package integration

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestRenamingADirectoryRenamesEachImageBelowIt(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		const images = 12
		for i := range images {
			s.post(fmt.Sprintf("d/%d/x", i), nil, nil)
		}
		names(t, m.dir)
		tool(t, "mkdir", "-p", m.path("d/empty/deep"), m.path("e"), m.path("full/sub"))
		f, err := os.Create(m.path("d/open.iso"))
		if err != nil {
			t.Fatal(err)
		}
		wantErrno(t, "onto one that is not empty", os.Rename(m.path("d"), m.path("full")), syscall.ENOTEMPTY, syscall.EEXIST)
		p.reset()
		tool(t, "mv", "-T", m.path("d"), m.path("e"))
		p.wantRequests(t, "PUT", is("PUT"), images)
		p.wantRequests(t, "any", isAny, images)
		if got := names(t, m.dir); got != "e full" {
			t.Errorf("ls: %q", got)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s.wantSettled("e/open.iso", []byte("x"))
		for i := range images {
			s.only(fmt.Sprintf("e/%d/x", i))
		}
		if got := names(t, m.path("e/empty")); got != "deep" {
			t.Errorf("ls of an empty directory that moved along: %q", got)
		}
		tool(t, "mkdir", m.path("d")) // is another one
		tool(t, "cp", newFile(t, "y", []byte("y")), m.path("d/y"))
		s.wantSettled("d/y", []byte("y"))
		tool(t, "rm", "-r", m.path("d"), m.path("e"), m.path("full"))
		s.wantEmpty()
	})
}

func TestProgramGoesOnInADirectoryThatIsRenamed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("d/sub/x", []byte("x"), nil)
	tool(t, "sh", "-ec", `
		cd "$1/d/sub"; mv "$1/d" "$1/e"; cat x; sleep 1.2; cat x; echo new > y
		ls "$1/e/sub" | grep -q y; mv y ../z; pwd -P | grep -q /e/sub`, "sh", m.dir)
	s.wantStored("e/z", []byte("new\n"))
	s.only("e/sub/x")
}

func TestRenamingADirectoryIsUndoneWhenOneImageFails(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		m.expectLog(`msg="rename to /e: .*path=/d`)
		for i := range 12 {
			s.post(fmt.Sprintf("d/%02d", i), nil, nil)
		}
		before := names(t, m.path("d"))
		p.setFault(nth("PUT", 9, fault{status: 403}))
		wantErrno(t, "rename", os.Rename(m.path("d"), m.path("e")), syscall.EACCES)
		p.setFault(nil)
		if got := names(t, m.dir) + ": " + names(t, m.path("d")); got != "d: "+before {
			t.Errorf("ls: %q", got)
		}
		for i := range 12 {
			s.only(fmt.Sprintf("d/%02d", i))
		}
	})
}
