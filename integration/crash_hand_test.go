//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
)

// content is what an image has. Two that have the same bytes are not the same one.
type content struct {
	data []byte // none for an image without data
	note string // an attribute
}

// contents are those of the files of one hand, by name; nil for a file that is not there.
type contents map[string]*content

// hand changes files of its own, one step after the other, and remembers what it was told to
// be done, until visorfs is killed under it.
type hand struct {
	rng    *rand.Rand
	prefix string       // of its files' names
	killed *atomic.Bool // visorfs was, or is about to be
	before contents     // what was acknowledged
	after  contents     // what the step under way makes of it; nil between steps
}

// newHand returns a hand with so many files, none of which is there.
func newHand(rng *rand.Rand, number, files int, killed *atomic.Bool) *hand {
	h := &hand{rng: rng, prefix: fmt.Sprintf("h%d-", number), killed: killed, before: make(contents)}
	for i := range files {
		h.before[fmt.Sprintf("%s%d.img", h.prefix, i)] = nil
	}
	return h
}

// name picks one of the files.
func (h *hand) name() string {
	names := slices.Sorted(maps.Keys(h.before))
	return names[h.rng.IntN(len(names))]
}

// fresh returns up to so many bytes that no other file has.
func (h *hand) fresh(most int) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(h.rng.Uint32())
	}
	data := make([]byte, 1+h.rng.IntN(most))
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	return data
}

// step does something that gives one file another content.
func (h *hand) step(name string, becomes *content, do func() error) error {
	return h.steps(contents{name: becomes}, do)
}

// steps does something that changes several files. What fails before the kill is an error;
// what fails after it stays under way.
func (h *hand) steps(changes contents, do func() error) error {
	h.after = maps.Clone(h.before)
	maps.Copy(h.after, changes)
	if err := do(); err != nil {
		return err
	}
	h.before, h.after = h.after, nil
	return nil
}

// work does random steps until the kill.
func (h *hand) work(doOne func() error) error {
	for !h.killed.Load() {
		if err := doOne(); err != nil && !h.killed.Load() {
			return fmt.Errorf("%s was not killed: %w", h.prefix, err)
		}
		if h.after != nil {
			return nil
		}
	}
	return nil
}

// found is an image that the server has, with its bytes.
type found struct {
	image
	data []byte
}

// is reports whether an image is whole, and has the content.
func (f found) is(c *content) bool {
	if c == nil || f.text("note") != c.note {
		return false
	}
	if len(c.data) == 0 {
		return f.text("status") == "locked" || f.text("status") == "error"
	}
	return f.text("status") == "available" && bytes.Equal(f.data, c.data)
}

func (f found) String() string {
	return fmt.Sprintf("%s (%s, %d bytes, note %q)", f.text("name"), f.text("status"), len(f.data), f.text("note"))
}

// judge compares what the server has of the hand's files with what was acknowledged. What was
// under way is done, or not, or the new image is there beside the old one.
func (h *hand) judge(server []found) error {
	var wrong []error
	for name, was := range h.before {
		becomes := was
		if h.after != nil {
			becomes = h.after[name]
		}
		if err := judgeFile(name, was, becomes, server); err != nil {
			wrong = append(wrong, err)
		}
	}
	for name, was := range h.before { // a file under way from one name to another
		if was == nil || h.after == nil || h.after[name] == was || !h.keeps(was) {
			continue
		}
		if !slices.ContainsFunc(server, func(f found) bool { return f.is(was) }) {
			wrong = append(wrong, fmt.Errorf("%s was renamed, and is nowhere", name))
		}
	}
	return errors.Join(append(wrong, h.judgeOthers(server))...)
}

// keeps reports whether a content stays, under whatever name.
func (h *hand) keeps(c *content) bool {
	return slices.Contains(slices.Collect(maps.Values(h.after)), c)
}

func judgeFile(name string, was, becomes *content, server []found) error {
	var old, fresh, other []found
	for _, f := range server {
		switch {
		case f.text("name") != name:
		case f.is(was):
			old = append(old, f)
		case f.is(becomes):
			fresh = append(fresh, f)
		default:
			other = append(other, f)
		}
	}
	must := was != nil && becomes != nil
	switch {
	case len(other) > 0:
		return fmt.Errorf("%s is what was never written: %v", name, other)
	case len(old) > 1 || len(fresh) > 1:
		return fmt.Errorf("%s is there several times: %v", name, append(old, fresh...))
	case must && len(old)+len(fresh) == 0:
		return fmt.Errorf("%s is lost", name)
	}
	return nil
}

// judgeOthers looks at images of the hand that are none of its files: those that tools make
// on the way. They are whole as well, or have no data.
func (h *hand) judgeOthers(server []found) error {
	for _, f := range server {
		name := f.text("name")
		if _, own := h.before[name]; own || !strings.Contains(name, h.prefix) {
			continue
		}
		whole := slices.ContainsFunc(slices.Collect(maps.Values(h.after)), func(c *content) bool {
			return c != nil && (f.is(c) || f.is(&content{}))
		})
		if !whole {
			return fmt.Errorf("an image that no file is: %v", f)
		}
	}
	return nil
}

// adopt goes on with what the server has, and returns the images that are in the way.
func (h *hand) adopt(server []found) (surplus []found) {
	h.after = nil
	has := make(map[string]bool)
	for name := range h.before {
		h.before[name] = nil
	}
	for _, f := range server {
		name := f.text("name")
		_, own := h.before[name]
		switch {
		case own && !has[name]:
			has[name] = true
			h.before[name] = &content{data: f.data, note: f.text("note")}
		case strings.Contains(name, h.prefix):
			surplus = append(surplus, f)
		}
	}
	return surplus
}

// mixed reports whether bytes are neither zero nor those of any content before or after.
func (h *hand) mixed(data []byte) bool {
	var all [][]byte
	for _, state := range []contents{h.before, h.after} {
		for _, c := range state {
			if c != nil {
				all = append(all, c.data)
			}
		}
	}
	for i, b := range data {
		known := func(d []byte) bool { return i < len(d) && d[i] == b }
		if b != 0 && !slices.ContainsFunc(all, known) {
			return true
		}
	}
	return false
}
