package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// unmountGrace is how long an ending mount waits for files to be closed.
const unmountGrace = 10 * time.Second

// mountFlags are the flags that say how a repository is mounted.
type mountFlags struct {
	memory       size
	readahead    size
	streams      int
	verify       string
	cacheDir     string
	cacheSize    size
	spoolDir     string
	spoolSize    size
	noPass       bool
	metadataTTL  time.Duration
	architecture string
	allOwners    bool
	options      []string
	debug        bool
	debugFUSE    bool
}

func (m *mountFlags) add(flags *pflag.FlagSet) {
	m.memory = 64 << 20
	m.readahead, m.cacheSize = 32<<20, 10<<30
	flags.Var(&m.memory, "memory", "bound on image data kept in memory")
	flags.Var(&m.readahead, "readahead", "bound on what is fetched ahead of one reader, within half of --memory")
	flags.IntVar(&m.streams, "streams", 8, "bound on the requests side by side for one reader, where they pay")
	flags.StringVar(&m.verify, "verify", "auto", "compare whole images with their MD5 as they are read: `WHEN` is auto, always or never")
	flags.StringVar(&m.cacheDir, "cache-dir", "", "keep what was read in `DIR`, also for the next mount (default in memory only)")
	flags.Var(&m.cacheSize, "cache-size", "bound on what --cache-dir takes; what was used longest ago gives way")
	flags.StringVar(&m.spoolDir, "spool-dir", "", "keep what is written in `DIR` until the server has it (default in the user's cache directory)")
	flags.Var(&m.spoolSize, "spool-size", "bound on what --spool-dir takes (default what is free there, but for a little)")
	flags.BoolVar(&m.noPass, "no-passthrough", false, "do not let the kernel read whole cached images by itself")
	flags.DurationVar(&m.metadataTTL, "metadata-ttl", 5*time.Second, "how long names and metadata are believed before the server is asked again")
	flags.StringVar(&m.architecture, "architecture", "x86_64", "`ARCH` of new files whose name does not tell: i386 or x86_64")
	addAllOwners(flags, &m.allOwners)
	flags.StringSliceVarP(&m.options, "options", "o", nil, "mount `OPTIONS`, separated by commas: "+optionNames())
	flags.BoolVar(&m.debug, "debug", false, "log every step")
	flags.BoolVar(&m.debugFUSE, "debug-fuse", false, "log every request of the kernel")
}

func (m *mountFlags) fsOptions(client *visclient.Client, logger *slog.Logger) (fs.Options, error) {
	o := fs.Options{
		Client:       client,
		MetadataTTL:  max(m.metadataTTL, 1), // 0 is "always ask", not the default
		Architecture: m.architecture,

		MemoryBytes:    int64(m.memory),
		ReadaheadBytes: int64(m.readahead),
		Streams:        m.streams,
		Verify:         verifyModes[m.verify],
		NoPassthrough:  m.noPass,
		AllOwners:      m.allOwners,

		UID:       uint32(os.Getuid()),
		GID:       uint32(os.Getgid()),
		DebugFUSE: m.debugFUSE,
		Logger:    logger,
	}
	return o, applyMountOptions(&o, m.options)
}

// verifyModes are the values of --verify.
var verifyModes = map[string]cache.Verify{
	"auto": cache.VerifyAuto, "always": cache.VerifyAlways, "never": cache.VerifyNever,
}

// check refuses impossible flags before anything is asked of a server.
func (m *mountFlags) check() error {
	if err := m.checkReading(); err != nil {
		return usageError{err}
	}
	if err := applyMountOptions(new(fs.Options), m.options); err != nil {
		return err
	}
	if m.metadataTTL < 0 {
		return usageError{fmt.Errorf("--metadata-ttl %s: give a time of 0 or more, like 5s", m.metadataTTL)}
	}
	if !slices.Contains(meta.Architectures, m.architecture) {
		return usageError{fmt.Errorf("--architecture %s: VIS knows %s", m.architecture, strings.Join(meta.Architectures, " and "))}
	}
	return nil
}

// checkReading refuses what no image can be read with.
func (m *mountFlags) checkReading() error {
	if m.streams < 1 {
		return fmt.Errorf("--streams %d: give 1 or more", m.streams)
	}
	for _, bound := range []struct {
		name string
		size size
	}{{"memory", m.memory}, {"readahead", m.readahead}, {"cache-size", m.cacheSize}} {
		if bound.size < 1<<20 {
			return fmt.Errorf("--%s %s: give 1MiB or more", bound.name, humanize.IBytes(uint64(bound.size)))
		}
	}
	if m.spoolSize != 0 && m.spoolSize < 1<<20 {
		return fmt.Errorf("--spool-size %s: give 1MiB or more", humanize.IBytes(uint64(m.spoolSize)))
	}
	if _, ok := verifyModes[m.verify]; !ok {
		return fmt.Errorf("--verify %s: give auto, always or never", m.verify)
	}
	return nil
}

// openDisk opens the disk cache, if one is asked for.
func (m *mountFlags) openDisk(mountpoint string, logger *slog.Logger) (*disk.Store, error) {
	if m.cacheDir == "" {
		return nil, nil
	}
	if err := checkOutside("cache-dir", m.cacheDir, mountpoint); err != nil {
		return nil, err
	}
	store, err := disk.Open(disk.Options{Dir: m.cacheDir, Bytes: int64(m.cacheSize), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("--cache-dir: %w", err)
	}
	return store, nil
}

// openSpool opens the directory for what is being written.
func (m *mountFlags) openSpool(mountpoint string, logger *slog.Logger) (*spool.Dir, error) {
	dir := cmp.Or(m.spoolDir, defaultSpool())
	if err := checkOutside("spool-dir", dir, mountpoint); err != nil {
		return nil, err
	}
	s, err := spool.Open(spool.Options{Dir: dir, MaxBytes: int64(m.spoolSize), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("--spool-dir: %w", err)
	}
	return s, nil
}

// defaultSpool is on a disk, unlike many a temporary directory: images are large.
func defaultSpool() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "visorfs", "spool")
	}
	return fmt.Sprintf("/var/tmp/visorfs-%d/spool", os.Getuid())
}

// checkOutside refuses a directory of a flag that is below the mountpoint.
func checkOutside(flag, dir, mountpoint string) error {
	inside, err := isInside(dir, mountpoint)
	switch {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	case inside:
		return usageError{fmt.Errorf("--%s %s is inside the mountpoint %s; choose a directory outside", flag, dir, mountpoint)}
	}
	return nil
}

// isInside reports whether a path, which need not exist, is below a directory.
func isInside(path, dir string) (bool, error) {
	var err error
	if path, err = filepath.Abs(path); err != nil {
		return false, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel)), nil
}

func newMount() *cobra.Command {
	var s settings
	var m mountFlags
	cmd := &cobra.Command{
		Use:   "mount [flags] MOUNTPOINT",
		Short: "Mount the repository of a VIS server",
		Long: `Mounts the images of a VIS server on the empty directory MOUNTPOINT and serves
them until it is unmounted, or ended with Ctrl-C or SIGTERM. A line on standard
output says when the mount is ready.
` + settingsHelp,
		Example: `  visorfs mount --url http://vis:4568 ~/images
  ls -l ~/images                                         # images, with their sizes
  getfattr -d ~/images/debian.iso                        # their metadata
  setfattr -n user.visor.type -v machine ~/images/debian.iso
  cp disk.vmdk ~/images/                                 # upload; cp's exit code is the server's word
  fusermount3 -u ~/images                                # end it`,
		Args: oneArgument("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.check(); err != nil {
				return err
			}
			if err := fs.CheckMountpoint(args[0]); err != nil {
				return err
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			return runMount(cmd.Context(), cmd.OutOrStdout(), client, &m, args[0], func() string {
				return fmt.Sprintf("%s is mounted on %s", client.URL(), args[0])
			})
		},
	}
	s.addServer(cmd.Flags())
	s.addKeys(cmd.Flags())
	m.add(cmd.Flags())
	return cmd
}

// runMount mounts, says ready, and serves until the mount ends or ctx does.
func runMount(ctx context.Context, out io.Writer, client *visclient.Client, m *mountFlags, dir string, ready func() string) error {
	boundHeap(int64(m.memory))
	logger := newLogger(m.debug)
	o, err := m.fsOptions(client, logger)
	if err != nil {
		return err
	}
	if o.Disk, err = m.openDisk(dir, logger); err != nil {
		return err
	}
	if o.Spool, err = m.openSpool(dir, logger); err != nil {
		return errors.Join(err, closeStores(o))
	}
	mount, err := fs.New(dir, o)
	if err != nil {
		return errors.Join(err, closeStores(o))
	}
	fmt.Fprintf(out, "visorfs: %s\n", ready())

	adapting, stop := context.WithCancel(ctx)
	defer stop()
	go adaptProcessors(adapting, mount.Requests)

	ended := make(chan struct{})
	go func() { mount.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	grace, cancel := graceful(unmountGrace)
	defer cancel()
	if err := mount.Unmount(grace); err != nil {
		return err
	}
	<-ended
	return nil
}

// closeStores closes what a mount that did not come about would have closed.
func closeStores(o fs.Options) error {
	var disk, spool error
	if o.Disk != nil {
		disk = o.Disk.Close()
	}
	if o.Spool != nil {
		spool = o.Spool.Close()
	}
	return errors.Join(disk, spool)
}

// graceful returns a context that ends after a while, or at a second signal.
func graceful(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, d)
	return ctx, func() { cancel(); stop() }
}
