package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/visclient"
)

// mountFlags are the flags that say how a repository is mounted.
type mountFlags struct {
	accessFlags
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
	stopTimeout  time.Duration
	options      []string // after applyOptions those that are the kernel's
	sloppy       bool
	debugFUSE    bool
	log          logFlags
	logger       *slog.Logger // see openLog
	metrics      string
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
	flags.DurationVar(&m.stopTimeout, "stop-timeout", time.Minute, "how long to finish uploads after Ctrl-C or SIGTERM; a second one ends it at once")
	flags.StringArrayVarP(&m.options, "options", "o", nil, "`OPTIONS` like allow_other,ro,metadata_ttl=5s: any flag, and those of mount(8)")
	flags.BoolVar(&m.sloppy, "sloppy", false, "leave out unknown options")
	m.accessFlags.add(flags)
	flags.SetNormalizeFunc(normalizeFlag)
	_ = flags.MarkHidden("sloppy") // there is such a flag
	addMetrics(flags, &m.metrics)
	flags.BoolVar(&m.debugFUSE, "debug-fuse", false, "log every request of the kernel")
	m.log.add(flags)
	m.demand(flags)
}

func (m *mountFlags) fsOptions(client *visclient.Client, logger *slog.Logger) fs.Options {
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

		Kernel:    m.options,
		DebugFUSE: m.debugFUSE,
		Logger:    logger,
		Version:   version(),
	}
	m.accessFlags.apply(&o)
	return o
}

// verifyModes are the values of --verify.
var verifyModes = map[string]cache.Verify{
	"auto": cache.VerifyAuto, "always": cache.VerifyAlways, "never": cache.VerifyNever,
}

// clear removes a dead mount from a mountpoint, and refuses one that cannot be mounted on,
// before anything is asked of a server.
func (m *mountFlags) clear(mountpoint string) error {
	if err := fs.RecoverMountpoint(mountpoint, m.logger); err != nil {
		return err
	}
	return fs.CheckMountpoint(mountpoint)
}

func newMount() *cobra.Command {
	var s settings
	var m mountFlags
	var daemon bool
	cmd := &cobra.Command{
		Use:   "mount [flags] MOUNTPOINT",
		Short: "Mount the repository of a VIS server",
		Long: `Mounts the images of a VIS server on the empty directory MOUNTPOINT and serves
them until it is unmounted, or ended with Ctrl-C or SIGTERM: then it finishes the
uploads that are under way, begins no new ones, and unmounts. A line on standard
output says when the mount is ready. With --daemon it goes on in the background from
there, and logs to a file, which the line names.

A mount that a killed visorfs left on MOUNTPOINT is removed first.
` + settingsHelp,
		Example: `  visorfs mount --url http://vis:4568 ~/images
  ls -l ~/images                                         # images, with their sizes
  getfattr -d ~/images/debian.iso                        # their metadata
  setfattr -n user.visor.type -v machine ~/images/debian.iso
  cp disk.vmdk ~/images/                                 # upload; cp's exit code is the server's word
  visorfs umount ~/images                                # end it; fusermount3 -u does so, too

  visorfs mount --daemon --url http://vis:4568 -o ro,metadata_ttl=1m ~/images
  mount -t visorfs http://vis:4568 /mnt/images -o allow_other  # /sbin/mount.visorfs is a link to visorfs`,
		Args: oneArgument("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := takeSecret(cmd.Flags()); err != nil {
				return err
			}
			if err := m.applyOptions(cmd.Flags()); err != nil {
				return err
			}
			if err := s.load(); err != nil {
				return err
			}
			closeLog, err := m.openLog(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeLog(err)) }()
			if err := m.clear(args[0]); err != nil {
				return err
			}
			if daemon {
				return s.launch(cmd, &m, args[0])
			}
			s.warn(m.logger)
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			return runMount(cmd.Context(), cmd.OutOrStdout(), client, &m, args[0], func() string {
				return fmt.Sprintf("%s is mounted on %s", client.URL(), args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&daemon, "daemon", false, "go on in the background when it is mounted")
	s.addServer(cmd.Flags())
	s.addKeys(cmd.Flags())
	m.add(cmd.Flags())
	return cmd
}

// launch starts the mount as a daemon. What needs no server to be found wrong is said
// without one.
func (s *settings) launch(cmd *cobra.Command, m *mountFlags, mountpoint string) error {
	o, err := s.resolve()
	if err != nil {
		return err
	}
	s.printWarnings()
	if err := requireKeys(o); err != nil {
		return err
	}
	if _, err := visclient.New(o); err != nil {
		return err
	}
	return startDaemon(cmd, m, mountpoint)
}
