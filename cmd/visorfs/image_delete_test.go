package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDeleteGoesOnPastFailures(t *testing.T) {
	r := newRepository(t)
	a := r.add("a.iso", "data")
	b := r.add("b.iso", "data")
	c := r.add("c.iso", "")
	o := r.refuses(exitFailure, "2 of 5 images could not be deleted", "delete", "a.iso", nobody, string(b.ID), "missing.iso", "c.iso")
	for _, want := range []string{nobody, `"missing.iso"`} {
		if !strings.Contains(o.err.Error(), want) {
			t.Errorf("%v does not name %s", o.err, want)
		}
	}
	want := "deleted " + string(a.ID) + "  a.iso\ndeleted " + string(b.ID) + "  b.iso\ndeleted " + string(c.ID) + "  c.iso\n"
	if o.out != want {
		t.Errorf("it prints\n%swant\n%s", o.out, want)
	}
	if o := r.image("list"); o.out != "" {
		t.Errorf("there are images left: %s", o.out)
	}
}

func TestDeleteOfAnothersImageIsRefused(t *testing.T) {
	r := newRepository(t)
	r.client = r.as("alice", "wonder")
	r.add("hers.iso", "data")
	r.refuses(exitFailure, "403", "delete", "hers.iso")
}

func TestDeleteByQueryDeletesWhatItSelects(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "data", "format", "iso")
	r.add("b.vdi", "data", "format", "vdi")
	r.add("c.vdi", "data", "format", "vdi")
	if out := r.ok("delete", "--yes", "--query", "format=vdi"); strings.Count(out, "deleted ") != 2 {
		t.Errorf("it prints %q", out)
	}
	if left := names(r.ok("list")); !slices.Equal(left, []string{"a.iso"}) {
		t.Errorf("%q are left", left)
	}
	if o := r.image("delete", "--yes", "--query", "format=vdi"); o.err != nil || o.out != "" || !strings.Contains(o.errOut, "no such images") {
		t.Errorf("%+v", o)
	}
}

func TestDeleteByQueryNeedsAPersonOrYes(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "data")
	r.forget()
	if o := r.imageWith(t.Context(), strings.NewReader("y\n"), "delete", "--query", "name=a.iso"); o.code() != exitUsage || !strings.Contains(o.err.Error(), "--yes") {
		t.Errorf("%v", o.err)
	}
	r.refuses(exitUsage, "leave out", "delete", "--yes", "--query", "name=a.iso", "b.iso")
	for _, query := range []string{"", "sort=name", "dir=asc&sort=size"} {
		r.refuses(exitUsage, "every image", "delete", "--yes", "--query", query)
	}
	if n := r.count(http.MethodDelete) + r.count(http.MethodGet); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
