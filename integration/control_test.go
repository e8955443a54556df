//go:build linux

package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestControlDirectoryTellsOfTheMount(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	if list := names(t, m.dir); list != "" {
		t.Errorf("the root lists %q", list)
	}
	if list := names(t, m.path(".visorfs")); list != "cache log-level status.json uploads version" {
		t.Errorf("the control directory lists %q", list)
	}
	tool(t, "cp", newFile(t, "a", random(911, 500_000)), m.path("a.img"))
	wantContent(t, m.path("a.img"), random(911, 500_000))

	var status struct {
		Server       string
		WrittenBytes int64 `json:"written_bytes"`
		Uploads      struct{ Stored int }
		Operations   []struct {
			Name     string
			Outcomes map[string]int
		}
	}
	if err := json.Unmarshal([]byte(readText(t, m.path(".visorfs/status.json"))), &status); err != nil {
		t.Fatal(err)
	}
	if status.Server != s.url || status.WrittenBytes != 500_000 || status.Uploads.Stored != 1 {
		t.Errorf("%+v", status)
	}
	creates := 0
	for _, o := range status.Operations {
		if o.Name == "create" {
			creates = o.Outcomes["ok"]
		}
	}
	if creates != 1 {
		t.Errorf("%d files were created, want 1: %+v", creates, status.Operations)
	}
	if text := readText(t, m.path(".visorfs/cache")); !strings.Contains(text, "500000 of 67108864 bytes") {
		t.Errorf("cache:\n%s", text)
	}
	if got, want := readText(t, m.path(".visorfs/version")), try(t, visorfs, "--version").stdout; !strings.HasSuffix(want, got) || got == "\n" {
		t.Errorf("version %q, the program says %q", got, want)
	}
	short := tool(t, "getfattr", "--absolute-names", "--only-values", "-n", "user.visorfs.stats", m.dir)
	if err := json.Unmarshal([]byte(short), &status); err != nil || status.WrittenBytes != 500_000 {
		t.Errorf("%s: %v", short, err)
	}
	if list := tool(t, "getfattr", "--absolute-names", "-d", "-m", "-", m.dir); strings.Contains(list, "visorfs") {
		t.Errorf("it is listed: %s", list)
	}
}

func TestControlDirectoryCannotBeChanged(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	file := m.path(".visorfs/version")
	_, err := os.Create(m.path(".visorfs/new"))
	wantErrno(t, "create", err, syscall.EPERM)
	wantErrno(t, "remove", os.Remove(file), syscall.EPERM)
	wantErrno(t, "rename", os.Rename(file, m.path("version")), syscall.EPERM)
	wantErrno(t, "rename of the directory", os.Rename(m.path(".visorfs"), m.path("x")), syscall.EPERM)
	wantErrno(t, "rmdir", syscall.Rmdir(m.path(".visorfs")), syscall.EPERM)
	wantErrno(t, "mkdir", os.Mkdir(m.path(".visorfs"), 0o755), syscall.EEXIST)
	wantErrno(t, "write", os.WriteFile(file, []byte("x"), 0o600), syscall.EACCES, syscall.EPERM)
	wantErrno(t, "chmod", os.Chmod(file, 0o666), syscall.EPERM)
	_, err = os.Stat(m.path(".visorfs/nothing"))
	wantErrno(t, "stat of what is not there", err, syscall.ENOENT)
}

func TestLogLevelTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	_, p, m := counted(t)
	level := m.path(".visorfs/log-level")
	set := func(word string) error { return os.WriteFile(level, []byte(word+"\n"), 0) }
	if got := readText(t, level); got != "info\n" {
		t.Errorf("it is %q at first", got)
	}
	wantErrno(t, "a level that is none", set("loud"), syscall.EINVAL)
	if err := set("error"); err != nil {
		t.Fatal(err)
	}
	p.setFault(each(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{status: 403}))
	_ = os.WriteFile(m.path("a.img"), []byte("x"), 0o644) // a warning, which is not logged now
	if log := m.stderr.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("logged: %s", log)
	}
	if err := set("warn"); err != nil {
		t.Fatal(err)
	}
	m.expectLog("path=/b.img.*permission denied")
	_ = os.WriteFile(m.path("b.img"), []byte("x"), 0o644)
	if got := readText(t, level); got != "warn\n" {
		t.Errorf("it is %q in the end", got)
	}
}

func TestUploadsAreListedWhileTheyRunAndWhenTheyFail(t *testing.T) {
	t.Parallel()
	_, p, m := counted(t)
	f, err := os.Create(m.path("with blank.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(912, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if text := readText(t, m.path(".visorfs/uploads")); !regexp.MustCompile(`^uploading\t/with blank.img\t1048576\t\d+s\n$`).MatchString(text) {
		t.Errorf("while it runs: %q", text)
	}
	eventually(t, "the upload has begun", func() bool { return len(p.list(is(http.MethodPost))) > 0 })
	p.setFault(each(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{status: 507}))
	m.expectLog("no space left")
	_, _ = f.Write(random(913, 1<<20))
	if err := f.Close(); err != nil { // the request had begun before
		t.Fatal(err)
	}
	if text := readText(t, m.path(".visorfs/uploads")); text != "" {
		t.Errorf("when it is stored: %q", text)
	}
	if err := os.WriteFile(m.path("b.img"), random(914, 1000), 0o644); err == nil {
		t.Error("the server has room")
	}
	if text := readText(t, m.path(".visorfs/uploads")); !regexp.MustCompile(`^failed\t/b.img\t1000\t\d+s\tpost image: 507: .*\n$`).MatchString(text) {
		t.Errorf("when it has failed: %q", text)
	}
}

// Whoever mounted sees what goes on, also of other users; these do not.
func TestControlDirectoryIsForWhoMounted(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := startServer(t)
	m := startMount(t, s.url, "--allow-other", "--uid", "65534")
	if r := asUser(t, ordinary, "cat", m.path(".visorfs/status.json")); r.code == 0 || !strings.Contains(r.stderr, "Permission denied") {
		t.Errorf("another user reads it: %+v", r)
	}
	if r := asUser(t, ordinary, "getfattr", "-n", "user.visorfs.stats", m.dir); r.code == 0 || !strings.Contains(r.stderr, "Permission denied") {
		t.Errorf("another user reads the attribute: %+v", r)
	}
	if r := asUser(t, ordinary, "ls", m.dir); r.code != 0 {
		t.Errorf("another user cannot list the root: %+v", r)
	}
	if text := readText(t, m.path(".visorfs/status.json")); !json.Valid([]byte(text)) {
		t.Errorf("who mounted reads %q", text)
	}
}
