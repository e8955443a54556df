//go:build linux

package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// createAndClose makes a file, as touch does.
func createAndClose(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// ruinous are values that the original server crashes on, rewrites, or pastes into SQL.
var ruinous = []string{
	"12.04", "1e5", "-3.5", "1.5e3", "0x10", "010", "0b11", "1_000", "+7", // Ruby's numbers
	"it's", "'", `back\slash`, `end\`,
}

func TestNamesThatTheOriginalServerCannotHoldAreRefusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t)
	m.expectLog(`level=WARN msg="create: `)
	m.allowLog(`level=WARN msg="setxattr`)
	s.post("a.iso", nil, nil)
	long := strings.Repeat("x", 42) + ".iso" // 46
	names(t, m.dir)
	tool(t, "stat", m.path("a.iso"))
	p.reset()
	wantErrno(t, "create of 46 characters", createAndClose(m.path(long)), syscall.ENAMETOOLONG)
	wantErrno(t, "setting a name of 46 characters", setxattr(m.path("a.iso"), "user.visor.name", long), syscall.ENAMETOOLONG)
	for _, name := range ruinous {
		wantErrno(t, "create of "+name, createAndClose(m.path(name)), syscall.EINVAL)
		wantErrno(t, "setting the name "+name, setxattr(m.path("a.iso"), "user.visor.name", name), syscall.EINVAL)
	}
	p.wantRequests(t, "any", isAny, 0)
	if got := names(t, m.dir); got != "a.iso" {
		t.Errorf("ls: %q", got)
	}
	s.only("a.iso")
}

func TestNamesThatTheOriginalServerHoldsAreKept(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t)
	m.allowLog(`level=(WARN|ERROR) msg="(create|close): `)
	kept := []string{"debian-12.04.iso", "2012", "12.04.1", "1e5x", `quo"te`, "50%", "a b.iso", strings.Repeat("x", 41) + ".iso"}
	for i, name := range kept {
		data := random(uint64(340+i), 10_000+i)
		if err := os.WriteFile(m.path(name), data, 0o644); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantContent(t, m.path(name), data)
		s.wantSettled(name, data)
	}
	// Letters of two bytes and more are kept as they are, or refused: the original's
	// database was in latin1, which has no snowman.
	for _, name := range []string{"Ação.iso", strings.Repeat("ç", 22), strings.Repeat("ç", 23), strings.Repeat("☃", 45)} {
		if err := createAndClose(m.path(name)); err == nil {
			s.only(name)
		}
	}
	if got := len(s.images()); got != strings.Count(tool(t, "ls", m.dir), "\n") {
		t.Errorf("%d images are on the server, other than what ls shows: one that was refused is there", got)
	}
}

func TestValuesThatTheOriginalServerRuinsAreRefusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t)
	m.expectLog(`level=WARN msg="setxattr`)
	s.post("a.iso", nil, map[string]string{"note": "as it was"})
	path := m.path("a.iso")
	tool(t, "getfattr", "-d", path)
	p.reset()
	for _, value := range ruinous {
		for _, name := range []string{"note", "fresh"} {
			wantErrno(t, "setting "+name+" to "+value, setxattr(path, "user.visor."+name, value), syscall.EINVAL)
		}
	}
	// A quote has a backslash in JSON, which is swallowed on its way into the database.
	wantErrno(t, "setting a value with quotes", setxattr(path, "user.visor.note", `say "hi"`), syscall.EINVAL)
	p.wantRequests(t, "any", isAny, 0)
	wantAttributes(t, path, map[string]string{"note": "as it was"})
	if img := s.only("a.iso"); img.text("note") != "as it was" || img["fresh"] != nil {
		t.Errorf("the server has %v", img)
	}
	for _, value := range []string{"12.04 LTS", "v1", "42", "a:b=c,{}[]", "Ação", "null"} {
		if err := setxattr(path, "user.visor.note", value); err != nil {
			t.Errorf("set %q: %v", value, err)
			continue
		}
		if got := tool(t, "getfattr", "--absolute-names", "--only-values", "-n", "user.visor.note", path); got != value {
			t.Errorf("set %q, got %q", value, got)
		}
	}
}

func TestTooManyCustomAttributesAreRefusedAndTheListingLives(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t)
	m.expectLog(`msg="setxattr .*no space left on device`)
	m.allowLog(`msg="setattr: .*no space left on device`)
	s.post("a.iso", nil, nil)
	s.post("b.iso", nil, nil)
	path := m.path("a.iso")
	tool(t, "getfattr", "-d", path)
	note := strings.Repeat("n", 150)
	if err := setxattr(path, "user.visor.note", note); err != nil {
		t.Fatal(err)
	}
	p.reset()
	for _, value := range []string{strings.Repeat("o", 95), strings.Repeat("o", 256), strings.Repeat("ç", 95)} {
		wantErrno(t, "a second attribute", setxattr(path, "user.visor.other", value), syscall.ENOSPC)
	}
	wantErrno(t, "the first made longer", setxattr(path, "user.visor.note", strings.Repeat("n", 250)), syscall.ENOSPC)
	p.wantRequests(t, "any", isAny, 0)
	if err := setxattr(path, "user.visor.other", strings.Repeat("o", 40)); err != nil {
		t.Errorf("40 bytes more: %v", err)
	}

	// The time of a file is an attribute too.
	if err := setxattr(path, "user.visor.note", strings.Repeat("n", 170)); err != nil {
		t.Error(err)
	}
	wantFailure(t, "No space left on device", "touch", "-d", "2012-03-04 05:06:07.123456789 UTC", path)

	for _, dir := range []string{m.dir, startMount(t, s.url).dir} {
		if got := names(t, dir); got != "a.iso b.iso" {
			t.Errorf("ls: %q", got)
		}
		wantAttributes(t, dir+"/a.iso", map[string]string{"note": strings.Repeat("n", 170), "other": strings.Repeat("o", 40)})
	}
	if n := len(s.images()); n != 2 {
		t.Errorf("the server lists %d images, want 2", n)
	}
}

func TestTooManyAttributesOfAPendingFileAreRefused(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t)
	m.expectLog(`msg="setxattr `)
	path := m.path("a.iso")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := setxattr(path, "user.visor.note", strings.Repeat("n", 200)); err != nil {
		t.Error(err)
	}
	wantErrno(t, "a second attribute", setxattr(path, "user.visor.other", strings.Repeat("o", 100)), syscall.ENOSPC)
	wantErrno(t, "a value with a quote", setxattr(path, "user.visor.other", "it's"), syscall.EINVAL)
	if _, err := f.Write(random(350, 20_000)); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if img := s.wantSettled("a.iso", random(350, 20_000)); img.text("note") != strings.Repeat("n", 200) || img["other"] != nil {
		t.Errorf("the server has %v", img)
	}
}

// A copy with its times over an image that is nearly full of attributes may fail, but
// the record must stay readable, and the data be the old or the new.
func TestCopyWithTimesOverAFullImageNeverRuinsTheListing(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t)
	m.allowLog("level=(WARN|ERROR)")
	old, fresh := random(351, 20_000), random(352, 30_000)
	s.postSettled("a.iso", old, map[string]string{"note": strings.Repeat("n", 230), "store": "file"})
	source := newFile(t, "a.iso", fresh)
	tool(t, "touch", "-d", "2012-03-04 05:06:07.123456789 UTC", source)
	r := try(t, "cp", "-a", source, m.path("a.iso"))
	t.Logf("cp -a: exit code %d: %s", r.code, r.stderr)
	img := s.only("a.iso")
	if img.text("note") != strings.Repeat("n", 230) {
		t.Errorf("note is %q", img.text("note"))
	}
	got, err := os.ReadFile(startMount(t, s.url).path("a.iso"))
	if err != nil || string(got) != string(old) && string(got) != string(fresh) {
		t.Errorf("%d bytes, %v; they are neither the old nor the new ones", len(got), err)
	}
	if r.code == 0 && string(got) != string(fresh) {
		t.Error("cp succeeded, and the old bytes are there")
	}
}
