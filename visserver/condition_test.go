package visserver_test

import (
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

// tag returns the ETag of a list.
func (v *vis) tag(user, path string) string {
	v.t.Helper()
	return v.do(request{user: user, method: "GET", path: path}).Header.Get("ETag")
}

// listUnless asks for a list unless it still has the ETag, and returns the status.
func (v *vis) listUnless(user, path, tag string) int {
	v.t.Helper()
	r := v.do(request{user: user, method: "GET", path: path, header: map[string]string{"If-None-Match": tag}})
	if r.StatusCode == 304 && (r.body != "" || r.Header.Get("ETag") == "") {
		v.t.Errorf("304 with ETag %q and body %q", r.Header.Get("ETag"), r.body)
	}
	return r.StatusCode
}

func TestListIsNotSentAgainUntilItChanges(t *testing.T) {
	v := start(t, visserver.Options{})
	id := v.post("one", "data", "color", "red").id()
	const path = "/images/detail"
	for what, change := range map[string]func(){
		"a new image":       func() { v.post("two", "") },
		"another attribute": func() { v.do(request{method: "PUT", path: "/images/" + id, header: headers("color", "blue")}) },
		"a removal":         func() { v.do(request{method: "DELETE", path: "/images/" + v.post("three", "").id()}) },
	} {
		tag := v.tag("foo", path)
		if got := v.listUnless("foo", path, tag); got != 304 {
			t.Errorf("before %s: %d", what, got)
		}
		change()
		if got := v.listUnless("foo", path, tag); got != 200 {
			t.Errorf("after %s: %d", what, got)
		}
	}
}

func TestReadsDoNotChangeAList(t *testing.T) {
	v := start(t, visserver.Options{})
	id := v.post("one", "data").id()
	tag := v.tag("foo", "/images/detail")
	v.do(request{method: "GET", path: "/images/" + id})
	if got := v.listUnless("foo", "/images/detail", tag); got != 304 {
		t.Errorf("after a read: %d", got)
	}
	for _, query := range []string{"?sort=access_count", "?accessed_at=x", "?access_count=1"} {
		if tag := v.tag("foo", "/images/detail"+query); tag != "" {
			t.Errorf("%s has the ETag %s, but depends on reads", query, tag)
		}
	}
}

func TestAListsTagIsOfOneUserQueryViewAndForm(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("one", "data")
	seen := make(map[string]string)
	for _, user := range []string{"foo", "alice"} {
		for _, path := range []string{"/images", "/images/detail", "/images/detail?name=one", "/images/detail?sort=name"} {
			for _, accept := range []string{"application/json", "application/xml"} {
				r := v.do(request{user: user, method: "GET", path: path, header: map[string]string{"Accept": accept}})
				who, tag := strings.Join([]string{user, path, accept}, " "), r.Header.Get("ETag")
				if other, ok := seen[tag]; ok || tag == "" {
					t.Errorf("%s has the ETag %q, as %s", who, tag, other)
				}
				seen[tag] = who
			}
		}
	}
}

func TestTagIsFoundAmongOthers(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("one", "")
	tag := v.tag("foo", "/images")
	for given, want := range map[string]int{
		tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, `"x"`: 200, "": 200, strings.Trim(tag, `"`): 200, "*": 200,
	} {
		if got := v.listUnless("foo", "/images", given); got != want {
			t.Errorf("If-None-Match: %s: %d, want %d", given, got, want)
		}
	}
}
