package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// argumentsBetween demands so many arguments, and names them.
func argumentsBetween(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError{fmt.Errorf("%s is missing; usage: %s", names, cmd.UseLine())}
		case len(args) > most:
			return usageError{fmt.Errorf("unexpected argument %q; usage: %s", args[most], cmd.UseLine())}
		}
		return nil
	}
}

// anyArguments demands at least one, and names it.
func anyArguments(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{fmt.Errorf("%s is missing; usage: %s", name, cmd.UseLine())}
		}
		return nil
	}
}

func addQuiet(cmd *cobra.Command, quiet *bool) {
	cmd.Flags().BoolVarP(quiet, "quiet", "q", false, "no progress bar and no notes, only errors")
}
