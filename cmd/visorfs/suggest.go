package main

import (
	"errors"
	"fmt"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError is what a command says of a wrong flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		if near := nearestFlag(cmd.Flags(), unknown.GetSpecifiedName()); near != "" {
			return usageError{fmt.Errorf("%w; is --%s meant?", err, near)}
		}
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// nearestFlag names the flag that a mistyped one may have meant, or "".
func nearestFlag(flags *pflag.FlagSet, word string) (nearest string) {
	least := 1 + min(max(2, len(word)/3), 3) // typing errors that are too many
	word = string(normalizeFlag(flags, word))
	flags.VisitAll(func(f *pflag.Flag) {
		if errors := levenshtein.ComputeDistance(word, f.Name); errors < least && !f.Hidden {
			nearest, least = f.Name, errors
		}
	})
	return nearest
}
