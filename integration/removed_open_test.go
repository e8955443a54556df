//go:build linux

package integration

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileRemovedWhileOpenHasItsAttributesAndNoLink(t *testing.T) {
	for name, remove := range map[string]func(t *testing.T, m *mount){
		"rm":      func(t *testing.T, m *mount) { tool(t, "rm", m.path("a.img")) },
		"mv over": func(t *testing.T, m *mount) { tool(t, "mv", m.path("b.img"), m.path("a.img")) },
	} {
		t.Run(name, func(t *testing.T) {
			withBothServers(t, func(t *testing.T, s *server) {
				for _, how := range []string{"stored", "written", "being written"} {
					wantAttributesAfter(t, s, how, remove)
				}
			})
		})
	}
}

func wantAttributesAfter(t *testing.T, s *server, how string, remove func(t *testing.T, m *mount)) {
	t.Helper()
	data := random(610, 5000)
	if how == "stored" {
		s.post("a.img", data, nil)
	}
	m := startMount(t, s.url)
	tool(t, "cp", newFile(t, "b.img", random(611, 100)), m.dir)
	var f *os.File
	switch how {
	case "stored", "written":
		if how == "written" {
			tool(t, "cp", newFile(t, "a.img", data), m.dir)
		}
		f = open(t, m.path("a.img"), 0)
	default:
		var err error
		if f, err = os.Create(m.path("a.img")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }() // whatever it says of a file that is gone
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	var before, after unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &before); err != nil {
		t.Fatal(err)
	}
	remove(t, m)
	if err := unix.Fstat(int(f.Fd()), &after); err != nil {
		t.Errorf("%s: fstat: %v", how, err)
	} else if after.Nlink != 0 || after.Size != before.Size || after.Mode != before.Mode || after.Mtim != before.Mtim {
		t.Errorf("%s: fstat says %+v, want what it said before and no link: %+v", how, after, before)
	}
	_ = f.Close()
	_ = os.Remove(m.path("a.img"))
	_ = os.Remove(m.path("b.img"))
}
