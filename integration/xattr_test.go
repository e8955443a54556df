//go:build linux

package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSettingAnAttributeShowsOnTheServerAndInOtherMounts(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	other := startMount(t, s.url, "--metadata-ttl", "1s")
	s.post("a.iso", random(60, 1000), nil)
	names(t, other.dir) // it knows the image as it was
	tool(t, "setfattr", "-n", "user.visor.type", "-v", "machine", m.path("a.iso"))
	if got := s.only("a.iso").text("type"); got != "machine" {
		t.Errorf("type on the server: %q", got)
	}
	for _, path := range []string{m.path("a.iso"), other.path("a.iso")} {
		eventually(t, "type shows at "+path, func() bool {
			r := try(t, "getfattr", "--absolute-names", "--only-values", "-n", "user.visor.type", path)
			return r.stdout == "machine"
		})
	}
}

func TestCustomAttributesDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(61, 1000), map[string]string{"flavour": "small"})
	path := m.path("a.iso")
	check := func(step string, want map[string]string) {
		t.Helper()
		wantAttributes(t, path, want)
		img := s.only("a.iso")
		for _, name := range []string{"flavour", "note", "site"} {
			if img.text(name) != want[name] {
				t.Errorf("%s: %s on the server is %q, want %q", step, name, img.text(name), want[name])
			}
		}
	}
	set := func(name, value string) { tool(t, "setfattr", "-n", "user.visor."+name, "-v", value, path) }
	set("note", "two words")
	set("site", "Lisboa, Ação")
	tool(t, "setfattr", "-n", "user.visor.site", "-v", "x", path)
	check("set", map[string]string{"flavour": "small", "note": "two words", "site": "x"})
	set("note", "changed")
	check("changed", map[string]string{"flavour": "small", "note": "changed", "site": "x"})
	set("type", "machine")
	check("another changed", map[string]string{"flavour": "small", "note": "changed", "site": "x"})
	tool(t, "setfattr", "-x", "user.visor.note", path)
	check("removed", map[string]string{"flavour": "small", "site": "x"})
	wantErrno(t, "removed attribute", getxattr(path, "user.visor.note"), syscall.ENODATA)
	wantErrno(t, "removing it again", unix.Removexattr(path, "user.visor.note"), syscall.ENODATA)
}

func getxattr(path, name string) error {
	_, err := unix.Getxattr(path, name, make([]byte, 100))
	return err
}

func setxattr(path, name, value string) error { return unix.Setxattr(path, name, []byte(value), 0) }

func TestAttributeValuesSurviveTheWayUnchanged(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(62, 1000), nil)
	for _, value := range []string{"0", "12.04", "1e5", "null", "true", `quo"te`, `back\slash`, "a:b=c", "ção ☃", "{}", "[1]", strings.Repeat("x", 4000)} {
		if err := setxattr(m.path("a.iso"), "user.visor.note", value); err != nil {
			t.Errorf("set %.20q: %v", value, err)
			continue
		}
		buf := make([]byte, 5000)
		n, err := unix.Getxattr(m.path("a.iso"), "user.visor.note", buf)
		if err != nil || string(buf[:n]) != value {
			t.Errorf("set %.20q, got %.20q (%v)", value, buf[:max(n, 0)], err)
		}
		if got := s.only("a.iso").text("note"); got != value {
			t.Errorf("set %.20q, the server has %.20q", value, got)
		}
	}
}

func TestAttributesThatCannotBeSetAreRefused(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`level=WARN msg="setxattr `)
	m.allowLog(`level=WARN msg="removexattr `)
	s.post("a.iso", random(63, 1000), nil)
	path := m.path("a.iso")
	tool(t, "getfattr", "-d", path)
	p.reset()
	for _, name := range []string{
		"_id", "uri", "owner", "status", "size", "checksum", "store",
		"created_at", "updated_at", "uploaded_at", "accessed_at", "access_count",
	} {
		wantErrno(t, "setting "+name, setxattr(path, "user.visor."+name, "1"), syscall.EPERM)
	}
	for name, value := range map[string]string{
		"architecture": "z80", "access": "maybe", "format": "exe", "type": "thing", "name": "", "note": " blanks ", "note2": "line\nbreak", "UPPER": "x",
	} {
		wantErrno(t, "setting "+name, setxattr(path, "user.visor."+name, value), syscall.EINVAL)
	}
	wantErrno(t, "removing format", unix.Removexattr(path, "user.visor.format"), syscall.EPERM, syscall.ENODATA)
	wantErrno(t, "unknown name", getxattr(path, "user.visor.nothing"), syscall.ENODATA)
	wantErrno(t, "unknown user name", getxattr(path, "user.other"), syscall.ENODATA)
	for _, name := range []string{"user.other", "trusted.x", "security.x"} {
		wantErrno(t, "setting "+name, setxattr(path, name, "x"), syscall.ENOTSUP)
	}
	for _, name := range []string{"trusted.x", "security.x", "system.posix_acl_access"} {
		wantErrno(t, "getting "+name, getxattr(path, name), syscall.ENOTSUP)
	}
	p.wantRequests(t, "any", isAny, 0)
	if img := s.only("a.iso"); img.text("architecture") != "x86_64" || img["UPPER"] != nil || img["upper"] != nil {
		t.Errorf("the server took one: %v", img)
	}
}

func TestSettingWhatIsAlreadySoSendsNothing(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", random(64, 1000), map[string]string{"note": "x", "type": "machine"})
	path := m.path("a.iso")
	tool(t, "stat", path)
	p.reset()
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "x", path)
	tool(t, "setfattr", "-n", "user.visor.type", "-v", "machine", path)
	tool(t, "chmod", "644", path)
	p.wantRequests(t, "any", isAny, 0)
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "y", path)
	tool(t, "getfattr", "-d", path)
	p.wantRequests(t, "any", isAny, 1)
	p.wantRequests(t, "PUT", is("PUT"), 1)
}

func TestFlagsOfSetxattrAreHeeded(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(65, 1000), map[string]string{"note": "x"})
	path := m.path("a.iso")
	wantErrno(t, "create what is there", unix.Setxattr(path, "user.visor.note", []byte("y"), unix.XATTR_CREATE), syscall.EEXIST)
	wantErrno(t, "replace what is not there", unix.Setxattr(path, "user.visor.new", []byte("y"), unix.XATTR_REPLACE), syscall.ENODATA)
	if err := unix.Setxattr(path, "user.visor.new", []byte("y"), unix.XATTR_CREATE); err != nil {
		t.Error(err)
	}
	if err := unix.Setxattr(path, "user.visor.note", []byte("z"), unix.XATTR_REPLACE); err != nil {
		t.Error(err)
	}
	if img := s.only("a.iso"); img.text("note") != "z" || img.text("new") != "y" {
		t.Errorf("note %q, new %q, want z and y", img.text("note"), img.text("new"))
	}
	_, err := unix.Getxattr(path, "user.visor.checksum", make([]byte, 3))
	wantErrno(t, "a buffer that is too short", err, syscall.ERANGE)
}

func TestAttributesOfAPendingFileJoinItsUpload(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	path := m.path("a.iso")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "setfattr", "-n", "user.visor.type", "-v", "machine", path)
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "pending", path)
	wantAttributes(t, path, map[string]string{"type": "machine", "note": "pending", "name": "a.iso", "format": "iso"})
	p.wantRequests(t, "POST", is("POST"), 0)
	if _, err := f.Write(random(66, 300_000)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p.wantRequests(t, "POST", is("POST"), 1)
	p.wantRequests(t, "PUT", is("PUT"), 0)
	img := s.wantStored("a.iso", random(66, 300_000))
	if img.text("type") != "machine" || img.text("note") != "pending" {
		t.Errorf("type %q, note %q on the server", img.text("type"), img.text("note"))
	}
}
