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

//
// As long as the old node is open the path leads to it, and not to one of the image's own:
// what is written by the path all have who have the file open.

// isOpenAs reports whether the node is open, and an image's.
func (n *imageNode) isOpenAs(id meta.ID) bool {
	return n.imageID() == id && n.vol.isOpen(n)
}

// hasOtherNumber reports whether the node had another image's number from the start. The one
// of a new file is as good as any. n.mu is held.
func (n *imageNode) hasOtherNumber() bool {
	ino := n.StableAttr().Ino
	return isImageIno(ino) && ino != imageIno(n.id)
}

// closed is called when the last handle is released. The path is looked up anew then.
func (n *imageNode) closed() {
	n.mu.Lock()
	stays := n.draft == nil && n.hasOtherNumber() // with a draft it is not over yet
	n.mu.Unlock()
	if stays {
		n.vol.notifier.addAnew(n.path())
	}
}

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

func (v *volume) isAliased(id meta.ID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aliases[id] > 0
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
