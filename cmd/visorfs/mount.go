package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// unmountGrace is how long an ending mount waits for files to be closed.
const unmountGrace = 10 * time.Second

// mountFlags are the flags that say how a repository is mounted.
type mountFlags struct {
	memory       size
	metadataTTL  time.Duration
	architecture string
	options      []string
	debug        bool
	debugFUSE    bool
}

func (m *mountFlags) add(flags *pflag.FlagSet) {
	m.memory = 64 << 20
	flags.Var(&m.memory, "memory", "bound on image data kept in memory")
	flags.DurationVar(&m.metadataTTL, "metadata-ttl", 5*time.Second, "how long names and metadata are believed before the server is asked again")
	flags.StringVar(&m.architecture, "architecture", "x86_64", "`ARCH` of new files whose name does not tell: i386 or x86_64")
	flags.StringSliceVarP(&m.options, "options", "o", nil, "mount `OPTIONS`, separated by commas: "+optionNames())
	flags.BoolVar(&m.debug, "debug", false, "log every step")
	flags.BoolVar(&m.debugFUSE, "debug-fuse", false, "log every request of the kernel")
}

func (m *mountFlags) fsOptions(client *visclient.Client, logger *slog.Logger) (fs.Options, error) {
	o := fs.Options{
		Client:       client,
		MetadataTTL:  max(m.metadataTTL, 1), // 0 is "always ask", not the default
		MemoryBytes:  max(int64(m.memory), 1),
		Architecture: m.architecture,
		UID:          uint32(os.Getuid()),
		GID:          uint32(os.Getgid()),
		DebugFUSE:    m.debugFUSE,
		Logger:       logger,
	}
	return o, applyMountOptions(&o, m.options)
}

// check refuses impossible flags before anything is asked of a server.
func (m *mountFlags) check() error {
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
	o, err := m.fsOptions(client, newLogger(m.debug))
	if err != nil {
		return err
	}
	mount, err := fs.New(dir, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "visorfs: %s\n", ready())

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

// graceful returns a context that ends after a while, or at a second signal.
func graceful(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, d)
	return ctx, func() { cancel(); stop() }
}
