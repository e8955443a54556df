package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/meta"
)

func TestUpdateChangesAttributes(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "data", "colour", "red", "flavour", "small")
	if out := r.ok("update", "a.iso", "name=b.iso", "access=private"); out != "" {
		t.Errorf("it prints %q", out)
	}
	got := imageFromJSON(t, r.ok("update", "--json", string(img.ID), "colour=blue"))
	if got.Name != "b.iso" || got.Access != meta.Private || got.Other["colour"] != "blue" {
		t.Errorf("%+v", got)
	}
	if got.Other["flavour"] != "small" {
		t.Error("the other attributes of the user are lost")
	}
	r.ok("update", "b.iso", "colour=")
	if got := r.head(string(img.ID)); got.Other["colour"] != "" || got.Other["flavour"] != "small" {
		t.Errorf("%+v", got.Other)
	}
}

func TestUpdateGivesDataToAnImageWithout(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "")
	file := writeFile(t, "data.bin", "data")
	r.ok("update", "--file", file, "a.iso", "type=kernel")
	if got := r.head(string(img.ID)); got.Status != meta.Available || got.Checksum != sumOf("data") || got.Type != "kernel" {
		t.Errorf("%+v", got)
	}
	r.forget()
	r.refuses(exitFailure, "takes no data", "update", "--file", file, "a.iso")
	if r.count(http.MethodPut) != 0 {
		t.Error("data were sent in vain")
	}

	other := r.add("b.iso", "")
	if o := r.imageWith(t.Context(), strings.NewReader("piped"), "update", "b.iso", "--file", "-"); o.err != nil {
		t.Fatal(o.err)
	}
	if got := r.head(string(other.ID)); got.Size != 5 {
		t.Errorf("%+v", got)
	}
}

func TestUpdateRefusesBeforeItAsksTheServer(t *testing.T) {
	r := newRepository(t)
	for _, test := range []struct {
		want string
		args []string
	}{
		{"KEY=VALUE", []string{nobody, "colour"}},
		{"only the server", []string{nobody, "checksum=" + sumOf("")}},
		{"Invalid access", []string{nobody, "access=secret"}},
		{"Invalid name", []string{nobody, "name="}},
		{"location", []string{nobody, "location=http://other/x", "--file", "x"}},
	} {
		r.refuses(exitUsage, test.want, append([]string{"update"}, test.args...)...)
	}
	if len(r.requests) != 0 {
		t.Errorf("%d requests were sent", len(r.requests))
	}
	r.refuses(exitFailure, "404", "update", nobody, "a=b")
}
