package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"
)

// mount(8) runs the program of its own as
//
//	mount.visorfs SOURCE DIR [-sfnv] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]
//
// for "mount -t visorfs", or for "mount -t fuse.visorfs" where mount.fuse.visorfs is
// there; otherwise mount.fuse3 runs
//
//	visorfs SOURCE DIR -o OPTIONS
//
// Both mean "visorfs mount --daemon".

// Exit codes of a program that mount(8) runs.
const (
	exitHelperUsage   = 1
	exitHelperFailure = 32
)

// isHelperName reports whether the program was called by a name that is mount(8)'s.
func isHelperName(name string) bool {
	return name == "mount.visorfs" || name == "mount.fuse.visorfs"
}

// isHelperCall reports whether arguments are those of mount.fuse3. A mistyped command
// does not look like a source.
func isHelperCall(args []string) bool {
	if len(args) < 2 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[1], "-") {
		return false
	}
	return strings.ContainsAny(args[0], ":./") || len(args) > 2 && args[2] == "-o"
}

// helperCall is what mount(8) asks for.
type helperCall struct {
	operands []string // SOURCE and DIR
	options  []string // texts of -o
	sloppy   bool     // unknown options are left out
	fake     bool     // nothing is mounted
	verbose  bool
}

// completeEnvironment gives back what mount(8) takes away when an ordinary user mounts a line
// of /etc/fstab: where programs are, such as fusermount3, and the user's configuration.
func completeEnvironment() {
	const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if os.Getenv("PATH") == "" {
		_ = os.Setenv("PATH", path) // fails for no name of ours
	}
	if os.Getenv("HOME") != "" {
		return
	}
	if u, err := user.Current(); err == nil {
		_ = os.Setenv("HOME", u.HomeDir)
	}
}

// parseHelperCall reads the command line of a helper, whose flags may come anywhere.
func parseHelperCall(args []string) (c helperCall, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			c.operands = append(c.operands, arg)
			continue
		}
		if args, err = c.flags(arg[1:], args); err != nil {
			return c, usageError{err}
		}
	}
	if len(c.operands) != 2 {
		return c, usageError{fmt.Errorf("mount(8) gives SOURCE and DIR, here are %d arguments; usage: mount -t visorfs SOURCE DIR [-o OPTIONS]", len(c.operands))}
	}
	return c, nil
}

// flags reads a group of letters, like the sfn of -sfn, and returns the arguments that
// remain after the value of the last.
func (c *helperCall) flags(letters string, args []string) ([]string, error) {
	for i, letter := range letters {
		switch letter {
		case 's':
			c.sloppy = true
		case 'f':
			c.fake = true
		case 'v':
			c.verbose = true
		case 'n', 'r', 'w': // no /etc/mtab; what -o says as well
		case 'o', 't', 'N':
			value := letters[i+1:]
			if value == "" {
				if len(args) == 0 {
					return nil, fmt.Errorf("-%c: its value is missing", letter)
				}
				value, args = args[0], args[1:]
			}
			if letter == 'o' {
				c.options = append(c.options, value)
			}
			return args, nil
		default:
			return nil, fmt.Errorf("unknown flag -%c; mount(8) gives -s, -f, -n, -v, -o, -t and -N", letter)
		}
	}
	return args, nil
}

// commandLine returns the arguments of visorfs that do what is asked.
func (c *helperCall) commandLine() ([]string, error) {
	server, err := serverFlags(c.operands[0])
	if err != nil {
		return nil, usageError{err}
	}
	args := append([]string{"mount", "--daemon", "--fsname", c.operands[0]}, server...)
	for _, text := range c.options {
		if text = withoutFirst(text, "rw"); text != "" { // mount(8) says so whenever nobody says "ro"
			args = append(args, "-o", text)
		}
	}
	if c.sloppy {
		args = append(args, "--sloppy")
	}
	return append(args, "--", c.operands[1]), nil
}

// withoutFirst leaves out a word that options begin with.
func withoutFirst(options, word string) string {
	first, rest, _ := strings.Cut(options, ",")
	if first == word {
		return rest
	}
	return options
}

// noSource is the SOURCE of who names the server in the configuration alone.
const noSource = "none"

// serverFlags returns the flags for a source: a URL, HOST, HOST:PORT, or "none".
func serverFlags(source string) ([]string, error) {
	if source == noSource {
		return nil, nil
	}
	if strings.Contains(source, "://") {
		return []string{"--url", source}, nil
	}
	if !strings.Contains(source, ":") {
		return []string{"--host", source}, nil
	}
	host, port, err := net.SplitHostPort(source)
	if err != nil || host == "" {
		return nil, errors.New(source + " is no server; name it like http://vis:4568, vis:4568 or vis")
	}
	return []string{"--host", host, "--port", port}, nil
}
