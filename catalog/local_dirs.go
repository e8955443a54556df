package catalog

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/btree"
)

// lingering is how long, at least, a directory that this mount emptied can still be
// found: rm -r and mv remove it after its last file.
const lingering = 10 * time.Second

// localDirs are directories that no image makes. They live in this mount.
type localDirs struct {
	made    map[string]bool              // by Mkdir
	held    map[string]int               // by Hold, and how often
	emptied btree.Map[string, time.Time] // of their last image, by this mount
	queue   []emptying                   // in order; of a path that is in it twice the last counts
}

// emptying is that this mount emptied a directory.
type emptying struct {
	path string
	when time.Time
}

func newLocalDirs() localDirs {
	return localDirs{made: make(map[string]bool), held: make(map[string]int)}
}

// listed returns those that are there whatever the images are.
func (l *localDirs) listed() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(l.made)), maps.Keys(l.held))
}

// isListed reports whether a directory is there whatever the images are.
func (l *localDirs) isListed(p string) bool { return l.made[p] || l.held[p] > 0 }

// addTo puts emptied directories into a tree, where nothing else has taken the path.
func (l *localDirs) addTo(t *Tree) *Tree {
	if l.emptied.Len() == 0 {
		return t
	}
	e := t.edit()
	for _, p := range l.emptied.Keys() { // in order: what is above comes first
		e.linger(p)
	}
	return e.tree
}

// empty notes that a directory was emptied now.
func (l *localDirs) empty(p string) {
	now := time.Now()
	l.emptied.Set(p, now)
	l.queue = append(l.queue, emptying{p, now})
}

// expire forgets the directories that were emptied long ago, and returns them.
func (l *localDirs) expire() (expired []string) {
	for len(l.queue) > 0 && time.Since(l.queue[0].when) > lingering {
		first := l.queue[0]
		l.queue = l.queue[1:]
		if last, ok := l.emptied.Get(first.path); ok && last.Equal(first.when) {
			l.emptied.Delete(first.path)
			expired = append(expired, first.path)
		}
	}
	return expired
}

// emptiedWithin returns the emptied directories at a path and below.
func (l *localDirs) emptiedWithin(p string) (found []string) {
	if _, ok := l.emptied.Get(p); ok {
		found = append(found, p)
	}
	l.emptied.Ascend(p+"/", func(dir string, _ time.Time) bool {
		if !within(dir, p) {
			return false
		}
		found = append(found, dir)
		return true
	})
	return found
}

func (l *localDirs) isEmptiedWithin(p string) bool { return len(l.emptiedWithin(p)) > 0 }

// forget ends what Mkdir made, and what lingers, at a path and below. It returns these.
func (l *localDirs) forget(p string) (forgotten []string) {
	for dir := range l.made {
		if within(dir, p) {
			delete(l.made, dir)
			forgotten = append(forgotten, dir)
		}
	}
	for _, dir := range l.emptiedWithin(p) {
		l.emptied.Delete(dir)
		forgotten = append(forgotten, dir)
	}
	return forgotten
}

// move gives what Mkdir made at a path and below another place, where nothing was but
// perhaps an empty directory. It returns all directories that this concerns.
func (l *localDirs) move(from, to string) (concerned []string) {
	concerned = l.forget(to)
	for dir := range maps.Clone(l.made) {
		if within(dir, from) {
			moved := to + strings.TrimPrefix(dir, from)
			l.made[moved] = true
			concerned = append(concerned, moved)
		}
	}
	return append(concerned, l.forget(from)...)
}

// within reports whether a path is a directory or below it.
func within(p, dir string) bool {
	rest, ok := strings.CutPrefix(p, dir)
	return ok && (rest == "" || rest[0] == '/')
}
