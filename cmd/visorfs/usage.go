package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// oneArgument demands exactly one argument, and names it.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return usageError{fmt.Errorf("%s is missing; usage: %s", name, cmd.UseLine())}
		}
		return usageError{fmt.Errorf("one %s is wanted, %d arguments are given; usage: %s", name, len(args), cmd.UseLine())}
	}
}

// knownCommand refuses a word that is no command, and names those that it may have meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "is " + strings.Join(near, " or ") + " meant?"
	}
	return usageError{fmt.Errorf("there is no command %q; %s", args[0], hint)}
}

// noArguments demands none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("unexpected argument %q; usage: %s", args[0], cmd.UseLine())}
}

// version is that of the module, as the Go toolchain recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
