//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestImageCommandsWorkOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		data := random(370, 300_005)
		file := newFile(t, "disk-i386.vdi", data)
		id := strings.TrimSpace(s.image(t, "add", "--quiet", file, "flavour=small", "access=private"))
		img := s.wantSettled("disk-i386.vdi", data)
		if got := fmt.Sprint(img["_id"], img["format"], img["architecture"], img["access"], img["flavour"]); got != id+"vdii386privatesmall" {
			t.Errorf("add made %s", got)
		}
		locked := strings.TrimSpace(s.image(t, "add", "name=later.iso", "format=iso"))

		wantImageListWith(t, s, id, locked, "disk-i386.vdi", "later.iso")
		var list []image
		if err := json.Unmarshal([]byte(s.image(t, "list", "--json", "--query", "format=vdi")), &list); err != nil || len(list) != 1 {
			t.Fatalf("list --json --query: %d images, %v", len(list), err)
		}
		if got := list[0]; got.text("_id") != id || got["size"] != float64(len(data)) || got.text("flavour") != "small" {
			t.Errorf("list --json: %v", got)
		}
		sorted := s.image(t, "list", "--sort", "size", "--dir", "desc")
		if strings.Index(sorted, "disk-i386.vdi") > strings.Index(sorted, "later.iso") {
			t.Errorf("list by size, descending: %s", sorted)
		}

		for _, word := range []string{id, "disk-i386.vdi"} {
			show := s.image(t, "show", word)
			for _, want := range []string{id, "disk-i386.vdi", "300005", img.text("checksum"), "small", "available"} {
				if !strings.Contains(show, want) {
					t.Errorf("show has no %s: %s", want, show)
				}
			}
		}

		dir := t.TempDir()
		s.image(t, "get", "disk-i386.vdi", dir)
		wantContent(t, filepath.Join(dir, "disk-i386.vdi"), data)
		if got := s.image(t, "get", id, "-"); got != string(data) {
			t.Errorf("get to standard output: %d bytes that are not the %d", len(got), len(data))
		}

		s.image(t, "update", "disk-i386.vdi", "note=two words", "access=public")
		s.image(t, "update", "--quiet", "--file", file, "later.iso", "type=machine")
		if img := s.only("disk-i386.vdi"); img.text("flavour") != "small" || img.text("note") != "two words" || img.text("access") != "public" {
			t.Errorf("after update: %v", img)
		}
		if img := s.wantSettled("later.iso", data); img.text("_id") != locked || img.text("type") != "machine" {
			t.Errorf("after update --file: %v", img)
		}

		s.image(t, "delete", "later.iso")
		for i := range 3 {
			s.image(t, "add", fmt.Sprintf("name=old-%d", i), "format=iso")
		}
		gone := s.image(t, "delete", "--query", "format=iso", "--yes")
		if strings.Count(gone, "deleted") != 3 {
			t.Errorf("delete --query: %s", gone)
		}
		s.only("disk-i386.vdi")
		if n := len(s.images()); n != 1 {
			t.Errorf("%d images are left, want 1", n)
		}
		s.image(t, "delete", id)
		s.wantEmpty()
		s.wantNoFiles()
	})
}

func TestImageGetIsRightAtOnceAfterAddOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		atOnce(t, lateSizes, func(size int) error {
			file, got := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "got")
			data := random(uint64(size), size)
			if err := os.WriteFile(file, data, 0o644); err != nil {
				return err
			}
			add := s.tryImage(t, "add", "--quiet", file)
			get := s.tryImage(t, "get", "--quiet", strings.TrimSpace(add.stdout), got)
			if add.code != 0 || get.code != 0 {
				return fmt.Errorf("exit codes %d and %d: %s%s", add.code, get.code, add.stderr, get.stderr)
			}
			return compare(got, data)
		})
	})
}

func TestImageGetGoesOnWithAPartOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p := startProxy(t, s)
		data := random(371, 6<<20+9999)
		id := s.postSettled("a.img", data, nil)
		var tries atomic.Int32
		p.setFault(func(r *http.Request) fault {
			switch {
			case !isData(seen{method: r.Method, path: r.URL.Path}):
				return fault{}
			case tries.Add(1) == 1:
				return fault{cutDown: 3 << 20}
			}
			return fault{status: http.StatusForbidden}
		})
		target := filepath.Join(t.TempDir(), "got.img")
		if r := imageCommand(t, p.url, "get", id, target); r.code != 1 || !strings.Contains(r.stderr, ".part") {
			t.Errorf("cut: exit code %d: %s", r.code, r.stderr)
		}
		if _, err := os.Stat(target); err == nil {
			t.Error("half a file is under the final name")
		}
		info, err := os.Stat(target + ".part")
		if err != nil || info.Size() == 0 || info.Size() > 3<<20 {
			t.Fatalf("the part: %v, %v", info, err)
		}
		p.setFault(nil)
		if r := imageCommand(t, p.url, "get", id, target); r.code != 0 || !strings.Contains(r.stderr, "going on") {
			t.Errorf("again: exit code %d: %s", r.code, r.stderr)
		}
		wantContent(t, target, data)
		if left, _ := filepath.Glob(target + ".*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestBadQueryFailsAtOnceOnTheOriginalServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, likeOriginal)
	p := startProxy(t, s)
	s.post("a.iso", nil, map[string]string{"color": "red"})
	r := imageCommand(t, p.url, "list", "--query", "color=red")
	wantRefusal(t, r, 1, "Unknown fields: color")
	wantFast(t, "the failure", r.took)
	if got := p.list(isListing); len(got) > 1 {
		t.Errorf("it was asked %d times, want once: %v", len(got), got)
	}
	r = imageCommand(t, p.url, "delete", "--query", "color=red", "--yes")
	wantRefusal(t, r, 1, "Unknown fields: color")
	wantFast(t, "the failure", r.took)
	s.only("a.iso")
}

// The original pastes the values of a query into SQL.
func TestQueryNeverBecomesSQLOfTheOriginalServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, likeOriginal)
	p := startProxy(t, s)
	s.post("a.iso", nil, nil)
	s.post("b.iso", nil, nil)
	for _, query := range []string{"name=x' OR '1'='1", `name=x\`, "name=x%27 OR 1=1", "format=o'brien"} {
		r := imageCommand(t, p.url, "list", "--query", query)
		wantFast(t, "the list", r.took)
		if strings.Contains(r.stdout, ".iso") {
			t.Errorf("list --query %q: %s", query, r.stdout)
		}
		r = imageCommand(t, p.url, "delete", "--query", query, "--yes")
		wantFast(t, "the deletion", r.took)
		if strings.Contains(r.stdout, "deleted") {
			t.Errorf("delete --query %q: %s", query, r.stdout)
		}
	}
	for _, word := range []string{"x' OR '1'='1", `x\`} {
		if r := imageCommand(t, p.url, "delete", word); r.code != 1 {
			t.Errorf("delete %q: exit code %d: %s", word, r.code, r.stdout)
		}
	}
	for _, r := range p.list(isAny) {
		if strings.Contains(r.query, "%27") || strings.Contains(r.query, "%5C") {
			t.Errorf("sent to the server: %s %s?%s", r.method, r.path, r.query)
		}
	}
	if n := len(s.images()); n != 2 {
		t.Errorf("%d images are left, want 2", n)
	}
}

func TestAttributesThatTheOriginalServerRuinsAreRefusedByTheCommands(t *testing.T) {
	t.Parallel()
	s := startServer(t, likeOriginal)
	p := startProxy(t, s)
	s.post("a.iso", nil, map[string]string{"note": "as it was"})
	long := strings.Repeat("x", 46)
	custom := strings.Repeat("x", 250)
	values := append([]string{"name=" + long, "note=" + custom}, "fresh="+custom)
	for _, value := range ruinous {
		values = append(values, "name="+value, "note="+value)
	}
	for _, value := range values {
		for _, args := range [][]string{{"add", "name=fresh", value}, {"update", "a.iso", value}} {
			if strings.HasPrefix(value, "name=") && args[0] == "add" {
				args = []string{"add", value}
			}
			r := imageCommand(t, p.url, args...)
			if r.code == 0 || r.stderr == "" {
				t.Errorf("image %v: exit code %d, stderr %q", args, r.code, r.stderr)
			}
			wantFast(t, "the refusal", r.took)
		}
	}
	p.wantRequests(t, "POST", is("POST"), 0)
	p.wantRequests(t, "PUT", is("PUT"), 0)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
	if img := s.only("a.iso"); img.text("note") != "as it was" {
		t.Errorf("note is %q", img.text("note"))
	}
}
