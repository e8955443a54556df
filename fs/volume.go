package fs

import (
	"context"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// localTTL is the longest that the kernel keeps what a change through this mount may
// make wrong without its knowing: attributes of directories, and names that go or move
// with other files.
const localTTL = time.Second

// volume is what the nodes of one mount share.
type volume struct {
	client       *visclient.Client
	catalog      *catalog.Catalog
	cache        *cache.Cache
	disk         *disk.Store // below the cache; nil for none
	log          *slog.Logger
	logLevel     *slog.LevelVar // nil: it cannot be changed
	architecture string
	passthrough  atomic.Bool
	backer       backer
	passing      passing
	noOverwrite  bool // stored data are never replaced
	allOwners    bool // other users' images may be changed, where the server lets one
	restore      bool // attributes that only the server sets are accepted, and dropped
	negativeTTL  time.Duration
	notifier     *notifier
	spool        *spool.Dir
	copies       copies
	leftovers    leftovers
	owner        fuse.Owner
	umask        uint32
	mounted      time.Time
	mountpoint   string
	version      string // of the program
	requests     measured
	ended        endedUploads

	stopping   atomic.Bool     // no file is opened to write any more
	uploads    context.Context // of all deliveries
	endUploads context.CancelFunc

	era atomic.Uint64 // counts the directories that were renamed or removed

	mu       sync.Mutex
	drafts   map[string]*imageNode   // files open for writing, by path
	moves    int                     // counts renamings that reached the server; see pin
	expected map[*imageNode][]func() // of those that were renamed during their upload: end Catalog.Expect
	aliases  map[meta.ID]int         // how many nodes each image has beside that of its own number
	aliasing int                     // counts changes of aliases
	open     map[*imageNode]int      // files that are open, and by how many handles
}

func newVolume(o Options) *volume {
	uploads, endUploads := context.WithCancel(context.Background())
	v := &volume{
		uploads:    uploads,
		endUploads: endUploads,
		client:     o.Client,
		catalog:    catalog.New(o.Client, o.MetadataTTL),
		cache: cache.New(cache.Options{
			MemoryBytes:    o.MemoryBytes,
			ReadaheadBytes: o.ReadaheadBytes,
			Streams:        o.Streams,
			Verify:         o.Verify,
			Disk:           o.Disk,
			Patience:       o.Client.Timeout(),
			RoundTrip:      o.Client.RoundTrip,
			Logger:         o.Logger,
		}),
		disk:         o.Disk,
		log:          o.Logger,
		logLevel:     o.LogLevel,
		version:      o.Version,
		architecture: o.Architecture,
		noOverwrite:  o.NoOverwrite,
		allOwners:    o.AllOwners,
		restore:      o.XattrRestore,
		spool:        o.Spool,
		owner:        fuse.Owner{Uid: o.UID, Gid: o.GID},
		umask:        o.Umask,
		mounted:      time.Now(),
		drafts:       make(map[string]*imageNode),
		expected:     make(map[*imageNode][]func()),
		negativeTTL:  o.MetadataTTL / 4,
		aliases:      make(map[meta.ID]int),
		open:         make(map[*imageNode]int),
	}
	v.passthrough.Store(!o.NoPassthrough)
	v.notifier = newNotifier(v)
	v.catalog.Watch(v.notifier.addChanges)
	return v
}

// drafted returns the node that is being written at a path, or nil.
func (v *volume) drafted(path string) *imageNode {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.drafts[path]
}

// pin makes a path lead to a node while that is being written. The directories on the
// way stay as long.
func (v *volume) pin(path string, n *imageNode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pinLocked(path, n)
}

// pinSince is pin of a path that was looked up after so many moves. It reports false if
// there was another since: the path may be an old one, and whoever moved the image did not
// see that it is being written.
func (v *volume) pinSince(moves int, path string, n *imageNode) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.moves != moves {
		return false
	}
	v.pinLocked(path, n)
	return true
}

// pinLocked needs mu held.
func (v *volume) pinLocked(path string, n *imageNode) {
	if v.drafts[path] == nil {
		v.catalog.Hold(parentOf(path))
	}
	v.drafts[path] = n
}

func (v *volume) movesNow() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.moves
}

// noteMove is called when images have new names, before it is looked which of them are
// being written: whoever opens one later finds its new path.
func (v *volume) noteMove() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.moves++
}

func (v *volume) unpin(path string, n *imageNode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.drafts[path] != n {
		return
	}
	delete(v.drafts, path)
	v.catalog.Release(parentOf(path))
	for _, done := range v.expected[n] {
		done()
	}
	delete(v.expected, n)
}

// repin makes another path lead to a node that is being written, in one step. If it was
// pinned no longer it is not now.
func (v *volume) repin(from, to string, n *imageNode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.drafts[from] != n || from == to {
		return
	}
	if v.drafts[to] == nil {
		v.catalog.Hold(parentOf(to))
	}
	delete(v.drafts, from)
	v.drafts[to] = n
	v.catalog.Release(parentOf(from))
}

// expect hides what a listing shows under the name that the upload of a node began with,
// while that is being written.
func (v *volume) expect(name string, n *imageNode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expected[n] = append(v.expected[n], v.catalog.Expect(name))
}

// writing returns the nodes that are being written, by path.
func (v *volume) writing() map[string]*imageNode {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[string]*imageNode, len(v.drafts))
	for path, n := range v.drafts {
		all[path] = n
	}
	return all
}

// parentOf returns the path of the directory that a path is in, "" for the root.
func parentOf(p string) string {
	dir, _ := path.Split(p)
	return strings.TrimSuffix(dir, "/")
}

// Inode numbers are hashes, so that they survive a remount. The top bit is left to
// numbers that go-fuse gives out for files without an id.
func imageIno(id meta.ID) uint64 { return hashIno("image", string(id)) }

// isImageIno tells whether a file had an id when its node was made.
func isImageIno(ino uint64) bool { return ino>>63 == 0 }

// dirIno is the inode number of a directory that the kernel does not know yet. One that
// was renamed keeps the number it had, so it must not be given out again.
func (v *volume) dirIno(path string) uint64 {
	if era := v.era.Load(); era > 0 {
		path += "\x00" + strconv.FormatUint(era, 10)
	}
	return hashIno("dir", path)
}

func hashIno(kind, key string) uint64 {
	const (
		rootIno = 1
		offset  = 14695981039346656037 // FNV-1a, as of hash/fnv, which would copy the strings
		prime   = 1099511628211
	)
	h := uint64(offset)
	for _, text := range []string{kind, "\x00", key} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
	}
	return max(h&^(1<<63), rootIno+1)
}
