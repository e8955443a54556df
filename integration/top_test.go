//go:build linux

package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

func TestTopShowsReadsAndUploads(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("read.img", random(921, 2<<20), nil)
	wait := make(chan struct{})
	p.hold(func(r *http.Request) bool { return r.Method == http.MethodPost }, wait)
	reader, err := os.Open(m.path("read.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	writer, err := os.Create(m.path("up.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	if _, err := writer.Write(random(922, 3<<20)); err != nil {
		t.Fatal(err)
	}

	top := startTerminal(t, 100, 30, visorfs+" top --every 100ms "+m.dir)
	top.shows("visorfs "+m.dir, p.url, "1 running, 0 stored", "of 3.0 MiB", "up.img", "r  read.img", "rw up.img", "open      2")
	wantContent(t, m.path("read.img"), random(921, 2<<20))
	top.shows("2.0 MiB so far")

	top.resize(40, 12)
	eventually(t, "no line is longer than the terminal", func() bool {
		screen := top.screen()
		for line := range strings.Lines(screen) {
			if utf8.RuneCountInString(line) > 41 {
				return false
			}
		}
		return strings.Contains(screen, "memory") && !strings.Contains(screen, "read.img")
	})
	top.resize(100, 30)
	top.shows("r  read.img")

	close(wait)
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
	top.shows("0 running, 1 stored")
	top.keys("q")
	top.ends()
}

func TestTopSaysWhenTheMountEnds(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	top := startTerminal(t, 100, 30, visorfs+" top "+m.dir+"; echo exit code $?; cat")
	top.shows("visorfs " + m.dir)
	tool(t, "umount", m.dir)
	top.shows("the mount has ended", "exit code 1")
}

func TestTopOnceIsOnePictureOfText(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(923, 1000), nil)
	tool(t, "ls", "-l", m.dir)
	text := tool(t, visorfs, "top", "--once", "--every", "100ms", m.dir)
	for _, want := range []string{"visorfs " + m.dir, s.url, "images    1, listed", "64 MiB", "0 running"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("it has colours, and is for no terminal: %q", text)
	}
	wantFailure(t, "top needs a terminal", visorfs, "top", m.dir)
	wantFailure(t, "is no mount of visorfs", visorfs, "top", "--once", t.TempDir())
	wantFailure(t, "--every 0s: give a time from 50ms", visorfs, "top", "--every", "0", m.dir)
}

// socketOf is where a mount of root's listens.
func socketOf(m *mount) string {
	sum := sha256.Sum256([]byte(m.dir))
	return filepath.Join("/run/visorfs", hex.EncodeToString(sum[:8])+".sock")
}

func TestSocketIsForOneUserAndGoesWithTheMount(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s, m := mounted(t)
	info, err := os.Stat(socketOf(m))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(socketOf(m))); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	m.kill()
	if _, err := os.Stat(socketOf(m)); err != nil {
		t.Errorf("nothing is left of the socket, so that the test shows nothing: %v", err)
	}
	again := start(t, launch{mount: m.dir}, "mount", "--url", s.url, m.dir)
	again.ready()
	if text := tool(t, visorfs, "top", "--once", "--every", "50ms", m.dir); !strings.Contains(text, m.dir) {
		t.Error(text)
	}
	again.signal(syscall.SIGTERM)
	if code := again.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(socketOf(m)); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// An ordinary user's is in that user's runtime directory; without one the mount works all the same.
func TestOrdinaryUsersWatchTheirMounts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	l := ordinaryLaunch(t)
	l.env = []string{"VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey, "XDG_RUNTIME_DIR=" + l.dir}
	m := start(t, l, "mount", "--url", s.url, l.mount)
	m.ready()
	r := asUser(t, ordinary, "env", "XDG_RUNTIME_DIR="+l.dir, visorfs, "top", "--once", "--every", "50ms", l.mount)
	if r.code != 0 || !strings.Contains(r.stdout, l.mount) {
		t.Errorf("%+v", r)
	}
	if r := asUser(t, ordinary, "env", "-u", "XDG_RUNTIME_DIR", visorfs, "top", "--once", l.mount); r.code != 1 || !strings.Contains(r.stderr, "XDG_RUNTIME_DIR names no directory") {
		t.Errorf("%+v", r)
	}
}

func TestProgressOfAnUploadAndADownloadIsShown(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	wait := make(chan struct{})
	p.setFault(each(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{crawl: wait}))
	data := random(924, 40<<20)
	file := newFile(t, "bar.img", data)
	add := startTerminal(t, 100, 10, visorfs+" image add --url "+p.url+" "+file+" && echo added; cat")
	add.shows("bar.img", "/ 40.0 MiB", "MiB/s", "[=", ">-")
	close(wait)
	add.shows("added")
	if screen := add.screen(); strings.Contains(screen, "[=") {
		t.Errorf("the bar is left:\n%s", screen)
	}
	s.wantStored("bar.img", data)

	wait = make(chan struct{})
	p.setFault(each(func(r *http.Request) bool { return isData(seen{method: r.Method, path: r.URL.Path}) }, fault{crawl: wait}))
	to := filepath.Join(t.TempDir(), "got.img")
	got := startTerminal(t, 100, 10, visorfs+" image get --url "+p.url+" bar.img "+to+" && echo fetched; cat")
	got.shows("got.img", "MiB / 40.0 MiB", "[=", ">-")
	close(wait)
	got.shows("fetched")
	wantContent(t, to, data)
}
