package fs

import (
	"path"
	"strings"
	"sync"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// notifier tells the kernel what others have changed, so that it forgets what it keeps of
// that. It does so in a goroutine of its own and with no lock held: the kernel makes it
// wait for a request that is under way in the same directory.
//
// What a program does through the mount the kernel knows by itself. It must not be told:
// it would take the names of open files and of working directories for removed ones.
type notifier struct {
	vol  *volume
	wake chan struct{} // gets a value when something is pending; closed at the end
	over chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	pending []news
	closed  bool
}

// news is what the kernel is told of a path.
type news struct {
	catalog.Change
	anew bool // instead of a change: the kernel shall ask for the name, whatever it leads to
}

func newNotifier(v *volume) *notifier {
	return &notifier{vol: v, wake: make(chan struct{}, 1), over: make(chan struct{})}
}

// addChanges has the kernel told of changes. It waits for nothing.
func (n *notifier) addChanges(changes []catalog.Change) {
	all := make([]news, len(changes))
	for i, change := range changes {
		all[i].Change = change
	}
	n.add(all...)
}

// addAnew has the kernel ask for a path. It waits for nothing.
func (n *notifier) addAnew(path string) {
	n.add(news{Change: catalog.Change{Path: path}, anew: true})
}

func (n *notifier) add(all ...news) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.pending = append(n.pending, all...)
	select {
	case n.wake <- struct{}{}:
	default: // it has one already
	}
}

// busyPause is how long a directory is left alone in which a request waits for the server.
const busyPause = 50 * time.Millisecond

// run tells the kernel, until close.
func (n *notifier) run(root *dirNode) {
	defer close(n.over)
	for range n.wake {
		var later []news
		for _, what := range n.take() {
			if !n.tell(root, what) {
				later = append(later, what)
			}
		}
		if len(later) > 0 {
			time.AfterFunc(busyPause, func() { n.add(later...) })
		}
	}
}

func (n *notifier) take() []news {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.pending
	n.pending = nil
	return all
}

// close ends run, and waits for it. The directory is mounted no more, so that nothing
// makes it wait.
func (n *notifier) close() {
	n.mu.Lock()
	n.closed, n.pending = true, nil
	close(n.wake)
	n.mu.Unlock()
	<-n.over
}

// tell tells the kernel of one path, unless that has changed again since: that is news
// of its own, or was done here. The kernel's answer is of no use: mostly it says that it
// did not know the name.
//
// It reports false if this had better be tried later. A request that waits for the server
// would hold up everything else that is to be told; and if this program were killed
// then, it could not end before that request, which it had to answer.
func (n *notifier) tell(root *dirNode, what news) bool {
	tree, _ := n.vol.catalog.Known()
	current := what.anew || tree != nil && tree.At(what.Path).Is(what.Is)
	dir, name := root.find(parentOf(what.Path)), path.Base(what.Path)
	if !current || dir == nil || n.vol.drafted(what.Path) != nil {
		return true
	}
	child := dir.GetChild(name)
	switch {
	case !what.anew && what.Was.Is(what.Is):
		if node, ok := showing(child, what.Is).(*imageNode); ok {
			node.changed(what.Was.Image, what.Is.Image)
		}
	case showing(child, what.Is) != nil: // the kernel has asked meanwhile
	case dir.busy.Load() > 0 || isBusy(child):
		return false
	case what.Was.Dir && showing(child, what.Was) != nil:
		n.vol.forgetDir(dir, name, child)
	case showing(child, what.Was) != nil && tree.File(what.Was.Image.ID) == nil:
		dir.NotifyDelete(name, child)
	default: // also without a child: a lookup that is under way may bring the old one
		dir.NotifyEntry(name)
	}
	return true
}

// isBusy tells whether a node is a directory that a request is under way in.
func isBusy(child *gofuse.Inode) bool {
	if child == nil {
		return false
	}
	dir, ok := child.Operations().(*dirNode)
	return ok && dir.busy.Load() > 0
}

// find returns the node of a directory below this one, if the kernel knows it.
func (d *dirNode) find(p string) *dirNode {
	for name := range strings.SplitSeq(p, "/") {
		if p == "" || d == nil {
			break
		}
		d = d.known(name)
	}
	return d
}

// showing returns what is behind an inode if it shows an entry, and otherwise nil.
func showing(child *gofuse.Inode, e catalog.Entry) gofuse.InodeEmbedder {
	if child == nil {
		return nil
	}
	switch node := child.Operations().(type) {
	case *dirNode:
		if e.Dir {
			return node
		}
	case *imageNode:
		if e.Image != nil && node.imageID() == e.Image.ID {
			return node
		}
	}
	return nil
}

// forgetDir takes a directory away that is none any more. One that comes to be at its path
// is another one: the kernel takes this one for removed as long as a program is in it.
func (v *volume) forgetDir(above *dirNode, name string, child *gofuse.Inode) {
	above.RmChild(name)
	v.era.Add(1)
	above.NotifyDelete(name, child)
}

// changed tells the kernel that others changed an image at its path.
func (n *imageNode) changed(was, is *meta.Image) {
	if n.currentDraft() != nil {
		return
	}
	var before, after fuse.Attr
	n.vol.fillImage(&before, was)
	n.vol.fillImage(&after, is)
	switch {
	case was.Version() != is.Version():
		n.coolDown()
		n.NotifyContent(0, 0)
	case before != after:
		n.NotifyContent(-1, 0) // the attributes alone
	}
}
