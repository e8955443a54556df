package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/internal/owner"
)

// A daemon is this program once more, in a session of its own, that mounts in the
// foreground. Through a pipe it tells who started it that it is ready, or why not.

const (
	daemonEnv  = "VISORFS_DAEMON"        // set for the daemon
	secretEnv  = "VISORFS_DAEMON_SECRET" // the value of --secret-key, which only the user and root can see there
	daemonPipe = 3                       // its end of the pipe
	readyWord  = "ready\n"
)

// daemonError is why a daemon did not get ready.
type daemonError struct {
	code    int // its exit code
	message string
}

func (e daemonError) Error() string { return e.message }

// startDaemon runs a mount as a daemon, and returns when it is ready or has failed. The
// daemon has the flags, the environment and the directory of this program, and so the same
// settings.
func startDaemon(cmd *cobra.Command, m *mountFlags, mountpoint string) error {
	log, output, err := m.daemonLog(mountpoint)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // it is the daemon's
	report, reporter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = report.Close() }()
	daemon, err := daemonCommand(cmd.Flags(), m.daemonArguments(cmd.Flags(), mountpoint), reporter, output)
	if err == nil {
		err = daemon.Start()
	}
	_ = reporter.Close() // so that the daemon's end is that of the pipe
	if err != nil {
		return err
	}
	defer context.AfterFunc(cmd.Context(), func() { _ = daemon.Process.Signal(syscall.SIGTERM) })()
	text, _ := io.ReadAll(report) // what is cut short is no word that it is ready
	if line, ready := bytes.CutPrefix(text, []byte(readyWord)); ready {
		fmt.Fprintf(cmd.OutOrStdout(), "visorfs: %s, by process %d; its log is %s\n", line, daemon.Process.Pid, log)
		return nil
	}
	failed := daemon.Wait()
	message := cmp.Or(string(text), fmt.Sprintf("the daemon broke off (%v); its log is %s", failed, log))
	return daemonError{max(daemon.ProcessState.ExitCode(), exitFailure), message}
}

func daemonCommand(flags *pflag.FlagSet, args []string, reporter, output *os.File) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Args[0] = "visorfs" // whatever mount(8) called this one
	cmd.Env = append(os.Environ(), daemonEnv+"=1")
	if flag := flags.Lookup("secret-key"); flag.Changed {
		cmd.Env = append(cmd.Env, secretEnv+"="+flag.Value.String())
	}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{reporter}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// daemonArguments returns the flags that were set on the command line, also by -o, as
// arguments. The secret key is not among them: everybody could read it there.
func (m *mountFlags) daemonArguments(flags *pflag.FlagSet, mountpoint string) []string {
	args := []string{"mount"}
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "secret-key", "daemon":
		case "options":
			args = append(args, "--options="+joinOptions(m.options))
		default:
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return append(args, "--", mountpoint)
}

// takeSecret sets --secret-key in a daemon if it was given to who started it.
func takeSecret(flags *pflag.FlagSet) error {
	secret, given := os.LookupEnv(secretEnv)
	if launcher() == nil || !given {
		return nil
	}
	_ = os.Unsetenv(secretEnv)
	return flags.Set("secret-key", secret)
}

// daemonLog returns where a daemon's log is, and where its output goes: to the log as well,
// unless it opens a log of its own.
func (m *mountFlags) daemonLog(mountpoint string) (path string, output *os.File, err error) {
	if m.log.file == "" {
		output, err = openDaemonLog(mountpoint)
		if err != nil {
			return "", nil, err
		}
		return output.Name(), output, nil
	}
	if path, err = filepath.Abs(m.log.file); err != nil {
		return "", nil, fmt.Errorf("--log-file: %w", err)
	}
	output, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	return path, output, err
}

// openDaemonLog opens the file of a daemon's log, which is named after the mountpoint.
func openDaemonLog(mountpoint string) (*os.File, error) {
	path, err := filepath.Abs(mountpoint)
	if err != nil {
		return nil, err
	}
	dir := logDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the daemon's log: %w", err)
	}
	if err := owner.CheckDir(dir, "--log-file"); err != nil { // or others could lead the log into other files
		return nil, fmt.Errorf("directory of the daemon's log: %w", err)
	}
	name := cmp.Or(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), "root") + ".log"
	log, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the daemon's log: %w", err)
	}
	return log, nil
}

// logDir is where the state of a user's programs goes; that of root is the system's.
func logDir() string {
	home, err := os.UserHomeDir()
	switch state := os.Getenv("XDG_STATE_HOME"); {
	case filepath.IsAbs(state):
		return filepath.Join(state, "visorfs")
	case os.Geteuid() == 0:
		return "/var/log/visorfs"
	case err != nil:
		return fmt.Sprintf("/var/tmp/visorfs-%d/log", os.Getuid())
	}
	return filepath.Join(home, ".local", "state", "visorfs")
}

// launcher is the pipe to who started this program as a daemon, or nil.
var launcher = sync.OnceValue(func() *os.File {
	if os.Getenv(daemonEnv) == "" {
		return nil
	}
	_ = os.Unsetenv(daemonEnv) // it is not meant for programs that this one runs
	syscall.CloseOnExec(daemonPipe)
	return os.NewFile(daemonPipe, "launcher")
})

// tellLauncher sends the one message that there is.
func tellLauncher(text string) {
	if pipe := launcher(); pipe != nil {
		_, _ = io.WriteString(pipe, text) // it may be gone; that changes nothing
		_ = pipe.Close()
	}
}

// leaveDirectory makes a daemon that is ready independent of where it was started.
func leaveDirectory() error {
	if launcher() == nil {
		return nil
	}
	return os.Chdir("/")
}

// exitCode is that of a command that ended with an error.
func exitCode(err error) int {
	var usage usageError
	var daemon daemonError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &daemon):
		return daemon.code
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}
