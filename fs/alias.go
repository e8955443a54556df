package fs

import (
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/visorfs/visorfs/meta"
)

// A file that was written here is another image than before, or one for the first time. Its
// node becomes that image's, but keeps its number, and whoever looks the path up anew gets a
// node with the image's own. While the kernel has both it must not keep what is said of
// either: an answer that was on its way during a change through the other would undo it.
// (The answers of one node it puts in order itself.)

// setID makes an image the node's.
func (n *imageNode) setID(id meta.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id == id {
		return
	}
	n.endAlias()
	n.id = id
	if n.alias = !n.forgotten && n.StableAttr().Ino != imageIno(id); n.alias {
		n.vol.countAlias(id, 1)
	}
}

// endAlias needs mu held.
func (n *imageNode) endAlias() {
	if n.alias {
		n.vol.countAlias(n.id, -1)
	}
	n.alias = false
}

var _ = (gofuse.NodeOnForgetter)((*imageNode)(nil))

// OnForget is called when the kernel has the node no more.
func (n *imageNode) OnForget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.endAlias()
	n.forgotten = true // what is committed after that is no alias
}

func (v *volume) countAlias(id meta.ID, more int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.aliasing++
	if v.aliases[id] += more; v.aliases[id] == 0 {
		delete(v.aliases, id)
	}
}

// aliasesNow is for imageTimeout, and taken before the catalog is asked.
func (v *volume) aliasesNow() (count int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aliasing
}

// imageTimeout is how long the kernel may keep what the catalog said of an image since, and
// what is fresh for some time.
func (v *volume) imageTimeout(id meta.ID, since int, fresh time.Duration) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.aliases[id] > 0 || v.aliasing != since {
		return 0
	}
	return fresh
}
