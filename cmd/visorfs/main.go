// Command visorfs mounts a VISOR Image System (VIS) as a directory, and can be one.
//
// It has a file per command; each fills the options of a library and runs it. What
// is shared by the commands: where settings come from (settings.go), how sizes and
// -o options are read (size.go, mountopts.go), and the log (log.go).
//
// Exit codes: 0 for success, 1 for a failure, 2 for a wrong command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "visorfs: %s\n", printableLines(err.Error()))
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// usageError is a command line that cannot be run.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "visorfs",
		Short: "Mount a VISOR Image System as a directory",
		Long: `visorfs mounts a VISOR Image System (VIS), a REST service that keeps virtual
machine images, as a directory: each image is a file, its metadata are the
file's extended attributes.`,
		Example: `  visorfs demo ~/images                          # try it: a server and a mount in one
  visorfs mount --url http://vis:4568 ~/images   # mount the repository of a server
  visorfs serve --data /srv/visor                # be a server`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newMount(), newServe(), newDemo(), newImage())
	return root
}
