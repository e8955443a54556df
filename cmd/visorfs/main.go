// Command visorfs mounts a VISOR Image System (VIS) as a directory, and can be one.
//
// It has a file per command; each fills the options of a library and runs it. What
// is shared by the commands: where settings come from (settings*.go), what is said of a
// server that cannot be used (access.go), how flags, sizes and -o options are read
// (flag_value.go, size.go, mount_options*.go), the log (log*.go), and how commands are
// explained and completed (help.go, man.go, completion.go).
//
// Exit codes: 0 for success, 1 for a failure, 2 for a wrong command line; as the helper of
// mount(8), see mount_helper.go, 32 and 1.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	launcher() // before anything else takes its place
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if isHelperName(name) || isHelperCall(args) {
		os.Exit(runHelper(args))
	}
	os.Exit(run(args))
}

// run runs a command, and returns the exit code.
func run(args []string) int { return runRoot(newRoot(), args) }

// runHelper does what mount(8) asks for.
func runHelper(args []string) int {
	completeEnvironment()
	call, err := parseHelperCall(args)
	if err != nil {
		complain(err)
		return exitHelperUsage
	}
	line, err := call.commandLine()
	if err != nil {
		complain(err)
		return exitHelperUsage
	}
	if call.fake {
		return 0
	}
	root := newRoot()
	if !call.verbose {
		root.SetOut(io.Discard) // mount(8) is silent
	}
	switch runRoot(root, line) {
	case 0:
		return 0
	case exitUsage:
		return exitHelperUsage
	}
	return exitHelperFailure
}

func runRoot(root *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		complain(err)
	}
	return exitCode(err)
}

// usageError is a command line that cannot be run.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "visorfs COMMAND",
		Short: "Mount a VISOR Image System as a directory",
		Long: `visorfs mounts a VISOR Image System (VIS), a REST service that keeps virtual
machine images, as a directory: each image is a file, its metadata are the
file's extended attributes.`,
		Example:       rootExample,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newMount(), newUmount(), newTop(), newServe(), newDemo(), newImage(), newConfig(), newCompletion(), newMan())
	addHelp(root)
	addCompletions(root)
	return root
}
