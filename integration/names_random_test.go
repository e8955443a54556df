//go:build linux

package integration

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// nameDrawer makes names of few parts, so that they meet: as duplicates, as a file and a
// directory, as a name and what another image is called beside its name.
type nameDrawer struct {
	rng   *rand.Rand
	drawn []string
}

var nameParts = []string{
	"a", "b", "a", "b", "foo.iso", "foo", ".iso", "~", "a~", "%", "%2F", "..", ".", "", "...", "\u00e9", "e\u0301", "\u202eabc", "\u0643", "\u2603", "\xff", "\xc3",
	"\ufeff", "*", "-rf", "a b", "\\", "CON", ".by-id", ".visorfs", strings.Repeat("x", 255), strings.Repeat("\u2603", 90), strings.Repeat("y", 251) + ".iso",
}

func (n *nameDrawer) draw() string {
	var parts []string
	for range 1 + n.rng.IntN(3) {
		parts = append(parts, nameParts[n.rng.IntN(len(nameParts))])
	}
	name := strings.Join(parts, []string{"/", "/", ""}[n.rng.IntN(3)])
	if len(n.drawn) > 0 && n.rng.IntN(4) == 0 {
		name = n.drawn[n.rng.IntN(len(n.drawn))] + []string{"", "", "/below"}[n.rng.IntN(3)]
	}
	n.drawn = append(n.drawn, name)
	return name
}

// postAny registers an image with whatever name, which the server may refuse.
func (s *server) postAny(name string, data []byte) {
	s.t.Helper()
	if name == "" || strings.TrimSpace(name) != name {
		return // a header cannot say it
	}
	fields := map[string]string{"name": name, "architecture": "x86_64"}
	if status, _, body := s.do(request{method: "POST", path: "/images", fields: fields, body: data}); status != http.StatusOK && status != http.StatusBadRequest {
		s.t.Fatalf("POST of %q: %d %s", name, status, body)
	}
}

func TestAnyNamesHaveOnePathEachAndAnyPathKeepsItsFile(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := &nameDrawer{rng: rand.New(rand.NewPCG(seed, 0))}
	s := startServer(t)
	for i := range 150 {
		s.postAny(draw.draw(), []byte("image "+strconv.Itoa(i)))
	}
	for _, img := range s.images() { // that takes the name which another may have got
		if draw.rng.IntN(20) == 0 {
			s.postAny(img.text("name")+"~"+img.text("_id")[:8], nil)
		}
	}
	m := startMount(t, s.url)
	m.allowLog(`level=WARN msg="(create|mkdir): Invalid name`)
	m.allowLog(`level=WARN msg="(create|mkdir): .*errno="file name too long"`)
	before := wantOnePathEach(t, s, m)

	created := make(map[string]string) // content by path
	for i := range 80 {
		name, content := draw.draw(), "file "+strconv.Itoa(i)
		if tryToCreate(t, m.path(""), name, content) {
			created[name] = content
		}
	}
	if len(created) < 10 {
		t.Errorf("only %d of 80 files were created", len(created))
	}
	m.stop()
	again := startMount(t, s.url)
	after := wantOnePathEach(t, s, again)
	for id, path := range before {
		was, _ := filepath.Rel(m.dir, path)
		if is, _ := filepath.Rel(again.dir, after[id]); is != was {
			t.Errorf("an image of the path %q has now %q, although it is named as it was", was, is)
		}
	}
	for name, content := range created {
		wantContent(t, again.path(name), []byte(content))
		s.wantStored(name, []byte(content))
	}
}

// tryToCreate makes a file by a name as it is, and the directories on the way.
func tryToCreate(t *testing.T, root, name, content string) bool {
	t.Helper()
	if name == "" || strings.HasPrefix(name, "/") || filepath.Clean(name) != name || strings.HasPrefix(name, "..") || name == "." {
		return false // means another path
	}
	if first, _, _ := strings.Cut(name, "/"); first == ".by-id" || first == ".visorfs" {
		return false // nothing can be made there, see TestNothingCanBeMadeInSpecialDirectories
	}
	path := root + "/" + name
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err == nil {
			_, err = f.WriteString(content)
			err = errors.Join(err, f.Close())
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
			return err == nil
		}
	}
	for _, errno := range []syscall.Errno{syscall.EEXIST, syscall.EISDIR, syscall.ENOTDIR, syscall.EINVAL, syscall.ENAMETOOLONG} {
		if errors.Is(err, errno) {
			return false
		}
	}
	t.Errorf("%q (valid UTF-8: %t): %v", name, utf8.ValidString(name), err)
	return false
}
