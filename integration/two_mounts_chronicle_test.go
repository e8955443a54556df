//go:build linux

package integration

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"time"
)

// slack is what a machine may take, beside the time to live, between a clock that the
// test reads and one that the program or the kernel does.
const slack = time.Second

// version is a file as it was for some time. It is never changed.
type version struct {
	file    int // the same for versions of one file, whatever its name
	data    []byte
	note    string // the custom attribute; "" for none
	private bool
}

func (v *version) String() string {
	if v == nil {
		return "no file"
	}
	return fmt.Sprintf("file %d of %d bytes, note %q, private %t", v.file, len(v.data), v.note, v.private)
}

// event is a change of what is at a path.
type event struct {
	by      int // mount that made it; -1 for what was there before
	what    string
	began   time.Time
	ended   time.Time // zero while it is under way
	then    *version  // what is there from then on; nil for no file
	inPlace bool      // programs that have the file open in the same mount see it come about
	known   [2]bool   // whether a mount has shown it to the test
}

// chronicle knows what has been at each path, and so what a mount may show there: its own
// changes at once, those of the other from some time in their course until the time to
// live is over.
type chronicle struct {
	lag time.Duration // time to live and slack

	mu    sync.Mutex       // of the pasts
	paths map[string]*past // never changed
}

// past is what happened at a path, in order.
type past struct{ events []*event }

func newChronicle(lag time.Duration, paths ...string) *chronicle {
	c := &chronicle{lag: lag, paths: make(map[string]*past)}
	for _, p := range paths {
		c.paths[p] = &past{[]*event{{by: -1, known: [2]bool{true, true}}}}
	}
	return c
}

// change notes events around what makes them; at is by path.
func (c *chronicle) change(at map[string]*event, do func() error) error {
	c.mu.Lock()
	began := time.Now()
	for p, e := range at {
		e.began = began
		e.known[e.by] = true
		c.paths[p].events = append(c.paths[p].events, e)
	}
	c.mu.Unlock()
	err := do()
	ended := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range at {
		e.ended = ended
	}
	return err
}

// now returns what is at a path.
func (c *chronicle) now(p string) *version { return c.last(p).then }

func (c *chronicle) last(p string) *event {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.paths[p].events
	return events[len(events)-1]
}

// span is the time that a look takes.
type span struct{ began, ended time.Time }

func since(began time.Time) span { return span{began, time.Now()} }

// shown is what a mount may show at a path.
type shown struct {
	versions []*version
	events   []*event // by which that is more than one, or in whose course it is
	inFlux   bool     // a program writes the file in this mount
	before   []*event // the last of those that are over, for who looks for a mistake
}

// mayShow returns what a mount may show at a path to one who looks there.
func (c *chronicle) mayShow(p string, mount int, at span) shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.paths[p].events
	first := 0
	for i, e := range events {
		if c.isOver(e, mount, at) {
			first = i
		}
	}
	s := shown{before: events[max(0, first-2) : first+1]}
	for i, e := range events[first:] {
		if e.began.After(at.ended) {
			break
		}
		s.versions = append(s.versions, e.then)
		if i > 0 {
			s.events = append(s.events, e)
			s.inFlux = s.inFlux || e.inPlace && e.by == mount
		}
	}
	return s
}

// isOver tells whether a mount must show a change to who looks.
func (c *chronicle) isOver(e *event, mount int, at span) bool {
	switch {
	case e.by < 0:
		return true
	case e.ended.IsZero():
		return false
	case e.by == mount:
		return e.ended.Before(at.began)
	}
	return at.began.Sub(e.ended) > c.lag
}

// knows tells whether a mount's view of a path is the present one for certain, so that the
// outcome of what it does there is.
func (c *chronicle) knows(p string, mount int) bool {
	last := c.last(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	return last.known[mount] || c.isOver(last, mount, span{began: time.Now()})
}

// learn notes that a mount has shown the present state of a path.
func (c *chronicle) learn(e *event, mount int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.known[mount] = true
}

// in returns the paths in a directory.
func (c *chronicle) in(dir string) []string {
	var found []string
	for p := range c.paths {
		if path.Dir(p) == dir {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

// may tells whether a version suits.
func (s shown) may(is func(*version) bool) bool { return slices.ContainsFunc(s.versions, is) }

// isChanging tells whether a change may still show.
func (s shown) isChanging() bool { return len(s.events) > 0 }

// mayHaveGone tells whether the file may be at another path by now, and not yet gone from
// this one.
func (s shown) mayHaveGone() bool {
	return len(s.versions) > 1 && s.may(func(v *version) bool { return v == nil })
}

func (s shown) String() string {
	text := fmt.Sprintf("one of %v", s.versions)
	for _, e := range slices.Concat(s.before, s.events) {
		end := "…"
		if !e.ended.IsZero() {
			end = e.ended.Format(clock)
		}
		text += fmt.Sprintf("\n\t%s to %s: %s by mount %d", e.began.Format(clock), end, e.what, e.by)
	}
	return text
}

const clock = "15:04:05.000"
