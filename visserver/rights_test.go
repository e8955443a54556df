package visserver_test

import (
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func TestPrivateImageOfAnotherDoesNotExist(t *testing.T) {
	v := start(t, visserver.Options{})
	secret := v.post("secret", "data", "access", "private", "type", "kernel")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		v.do(request{user: "alice", method: method, path: secret.path(), header: headers("name", "x")}).wantError(t, 404, "No image found with id")
	}
	if r := v.do(request{user: "alice", method: "HEAD", path: secret.path()}); r.StatusCode != 404 {
		t.Errorf("HEAD: %s", r.Status)
	}
	v.do(request{user: "alice", method: "GET", path: "/images"}).wantError(t, 404, "No public images found with given parameters.")
	v.do(request{user: "alice", method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386", "kernel", secret.id())}).
		wantError(t, 404, "No image found with id")
	if got := v.head(secret.path()).Get("x-image-meta-name"); got != "secret" {
		t.Errorf("name is %q now", got)
	}
}

func TestPublicImageOfAnotherIsReadOnly(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("shared", "data")
	if r := v.do(request{user: "alice", method: "GET", path: img.path()}); r.body != "data" {
		t.Errorf("GET: %s %q", r.Status, r.body)
	}
	if got := v.list("alice", ""); len(got) != 1 {
		t.Errorf("list of another user: %v", got)
	}
	v.do(request{user: "alice", method: "PUT", path: img.path(), header: headers("name", "x")}).wantError(t, 403, "of another user")
	v.do(request{user: "alice", method: "DELETE", path: img.path()}).wantError(t, 403, "of another user")
	v.do(request{user: "alice", method: "GET", path: img.path()})
}

func TestOwnershipCannotBeChanged(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("mine", "", "owner", "alice", "status", "available", "size", "7", "checksum", "x")
	if img["owner"] != "foo" || img["status"] != "locked" || img["size"] != nil || img["checksum"] != nil {
		t.Errorf("client's values taken: %v", img)
	}
	img = v.do(request{method: "PUT", path: img.path(), header: headers("owner", "alice", "status", "error", "name", "still mine")}).image(t)
	if img["owner"] != "foo" || img["status"] != "locked" || img["name"] != "still mine" {
		t.Errorf("client's values taken: %v", img)
	}
}
