package fs

import (
	"fmt"
	"log"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// Options configure a mount. The zero value of each field is its default.
type Options struct {
	Client *visclient.Client // required
	Spool  *spool.Dir        // required; the mount closes it when it ends

	MetadataTTL  time.Duration // how old a listing may get; default 5s
	Architecture string        // of new files whose name tells none; default "x86_64"
	UID, GID     uint32        // owner of all files
	Umask        uint32        // permission bits that no file and no directory has

	// How images are read: see [cache.Options], whose defaults are these.
	MemoryBytes    int64
	ReadaheadBytes int64
	Streams        int
	Verify         cache.Verify
	Disk           *disk.Store // the mount closes it when it ends

	NoPassthrough bool // never let the kernel read a cached image by itself

	NoOverwrite  bool // refuse to change the data of an image that has some
	XattrRestore bool // accept attributes that only the server sets, and drop them
	AllOwners    bool // change other users' images too, where the server does not care (the original one)

	AllowOther bool // let other users in
	ReadOnly   bool
	Source     string   // what the system lists as mounted; default the client's URL
	Kernel     []string // further options of the mount for the kernel, like "noexec"
	DebugFUSE  bool     // log every request and reply

	Logger   *slog.Logger   // default: discard
	LogLevel *slog.LevelVar // of Logger; can be changed in the control directory, unless it is nil
	Version  string         // of the program, for those who look; default "unknown"
}

func (o Options) withDefaults() Options {
	if o.MetadataTTL <= 0 {
		o.MetadataTTL = 5 * time.Second
	}
	if o.Architecture == "" {
		o.Architecture = "x86_64"
	}
	if o.Source == "" {
		o.Source = o.Client.URL()
	}
	if o.Version == "" {
		o.Version = "unknown"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Mount is a mounted repository.
type Mount struct {
	vol    *volume
	dir    string // as the system lists it
	device string // of the filesystem, as Entry has it
	ended  chan struct{}
	close  func() // lets go of the caches; may be called again
}

// New mounts the repository that a client sees on a directory, and serves it until
// it is unmounted. It does not ask the server anything: see
// [visclient.Client.CheckAccess].
func New(dir string, o Options) (*Mount, error) {
	o = o.withDefaults()
	if err := CheckMountpoint(dir); err != nil {
		return nil, err
	}
	if o.AllowOther {
		if err := checkAllowOther(); err != nil {
			return nil, err
		}
	}
	dir, err := realPath(dir) // while nothing is mounted on it
	if err != nil {
		return nil, err
	}
	vol := newVolume(o)
	vol.mountpoint = dir
	root := &dirNode{vol: vol}
	server, err := vol.mount(root, vol.fuseOptions(o))
	if err != nil {
		return nil, fmt.Errorf("mount %s: %s", dir, strings.TrimSpace(err.Error())) // fusermount3's has empty lines
	}
	go vol.notifier.run(root)
	m := &Mount{vol: vol, dir: dir, ended: make(chan struct{}), close: sync.OnceFunc(vol.close)}
	if on, err := FindMount(dir); err == nil && on != nil {
		m.device = on.device
		if err := raiseReadahead(on); err != nil {
			o.Logger.Debug("the kernel reads ahead as it does by default", "err", err)
		}
	}
	go func() {
		server.Wait()
		vol.breakOff()
		m.close()
		close(m.ended)
	}()
	return m, nil
}

// mount does what [gofuse.Mount] does, with all requests measured.
func (v *volume) mount(root gofuse.InodeEmbedder, o *gofuse.Options) (*fuse.Server, error) {
	v.passing.RawFileSystem = gofuse.NewNodeFS(root, o)
	v.requests.RawFileSystem = &v.passing
	server, err := fuse.NewServer(&v.requests, v.mountpoint, &o.MountOptions)
	if err != nil {
		return nil, err
	}
	v.backer, _ = any(server).(backer) // on Linux
	go server.Serve()
	return server, server.WaitMount()
}

func (v *volume) fuseOptions(o Options) *gofuse.Options {
	logger := log.New(fuseLog{v.log, o.DebugFUSE}, "", 0)
	options := &gofuse.Options{
		Logger:          logger,
		NegativeTimeout: &v.negativeTTL,
		MountOptions: fuse.MountOptions{
			FsName:            o.Source,
			Name:              "visorfs",
			AllowOther:        o.AllowOther,
			Debug:             o.DebugFUSE,
			Logger:            logger,
			MaxWrite:          1 << 20, // the kernel's limit; a write is one request
			MaxBackground:     64,      // reads ahead that may be under way
			DisableSplice:     true,    // replies come from memory, and splicing 1 MiB of it fails
			DirectMount:       true,    // root needs no fusermount
			PanicHandler:      v.panicked,
			ExtraCapabilities: extraCapabilities,
		},
	}
	if o.AllowOther {
		options.Options = append(options.Options, "default_permissions")
	}
	if o.ReadOnly {
		options.Options = append(options.Options, "ro")
	}
	options.Options = append(options.Options, o.Kernel...)
	return options
}

// panicked makes a bug an I/O error of the one request that met it.
func (v *volume) panicked(cause any) fuse.Status {
	v.requests.panics.Add(1)
	v.log.Error(fmt.Sprintf("panic: %v", cause), "stack", string(debug.Stack()))
	return fuse.Status(syscall.EIO)
}
