package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/meta"
)

// names returns the second column of a table.
func names(table string) []string {
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		all = append(all, strings.Fields(line)[1])
	}
	return all
}

func TestListSelectsAndOrders(t *testing.T) {
	r := newRepository(t)
	r.add("b.iso", "four", "format", "iso")
	r.add("a.iso", "seven", "format", "iso")
	r.add("c.vdi", "twelve", "format", "vdi", "colour", "red")
	for _, test := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"a.iso", "b.iso", "c.vdi"}},
		{[]string{"--dir", "desc"}, []string{"c.vdi", "b.iso", "a.iso"}},
		{[]string{"--sort", "size"}, []string{"b.iso", "a.iso", "c.vdi"}},
		{[]string{"--query", "format=iso", "--sort", "size", "--dir", "desc"}, []string{"a.iso", "b.iso"}},
		{[]string{"--query", "sort=size&dir=desc"}, []string{"c.vdi", "a.iso", "b.iso"}},
		{[]string{"--query", "format=vdi&colour=red"}, []string{"c.vdi"}},
	} {
		if got := names(r.ok(append([]string{"list"}, test.args...)...)); !slices.Equal(got, test.want) {
			t.Errorf("list %q: %q, want %q", test.args, got, test.want)
		}
	}
}

func TestEmptyListIsANoteAndASuccess(t *testing.T) {
	r := newRepository(t)
	if o := r.image("list"); o.err != nil || o.out != "" || !strings.Contains(o.errOut, "no such images") {
		t.Errorf("%+v", o)
	}
	if o := r.image("list", "--json"); o.err != nil || strings.TrimSpace(o.out) != "[]" {
		t.Errorf("%+v", o)
	}
}

func TestListAsJSONHoldsEveryAttribute(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "data", "colour", "red <&>", "access", "private")
	var images []*meta.Image
	if err := json.Unmarshal([]byte(r.ok("list", "--json")), &images); err != nil || len(images) != 1 {
		t.Fatal(images, err)
	}
	got := images[0]
	if got.ID != img.ID || got.Checksum != img.Checksum || got.Status != meta.Available || got.Other["colour"] != "red <&>" || got.Access != meta.Private {
		t.Errorf("%+v", got)
	}
}
