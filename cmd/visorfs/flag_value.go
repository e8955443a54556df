package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkedValue is a flag's value that has to pass a check, wherever it comes from.
type checkedValue struct {
	pflag.Value
	ok   func() bool // whether the value that was just set is right
	want wantError
}

// wantError says what is wanted instead of a value.
type wantError string

func (e wantError) Error() string { return string(e) }

func (c *checkedValue) Set(text string) error {
	if err := c.Value.Set(text); err != nil {
		return err
	}
	if !c.ok() {
		return c.want
	}
	return nil
}

// demand has a flag's values checked from now on; want says what passes.
func demand(flags *pflag.FlagSet, name, want string, ok func() bool) {
	flag := flags.Lookup(name)
	flag.Value = &checkedValue{Value: flag.Value, ok: ok, want: wantError(want)}
}

// explainValue says what is wrong with a value that a flag did not take, and what it
// would; where names the flag, or whatever the value came from.
func explainValue(flag *pflag.Flag, where, text string, cause error) error {
	var want wantError
	if errors.As(cause, &want) {
		return fmt.Errorf("%s %s: %w", where, text, want)
	}
	switch flag.Value.Type() {
	case "duration":
		return fmt.Errorf("%s: %q is not a time; write one like 30s or 5m", where, text)
	case "int":
		return fmt.Errorf("%s: %q is not a whole number, or too large", where, text)
	case "bool":
		return fmt.Errorf("%s: %q is neither true nor false", where, text)
	}
	return fmt.Errorf("%s: %w", where, cause)
}

// flagError says what is wrong with a command line.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		flag := value.GetFlag()
		return usageError{explainValue(flag, "--"+flag.Name, value.GetValue(), value.Unwrap())}
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := closest(unknown.GetSpecifiedName(), names); near != "" {
			return usageError{fmt.Errorf("%w, is --%s meant? See %s --help", err, near, cmd.CommandPath())}
		}
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// closest returns which of some names another is with a letter or two mistyped; "" if
// none, or for one of them.
func closest(name string, of []string) string {
	best, distance := "", 3
	for _, candidate := range of {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate))
		switch {
		case name == candidate:
			return ""
		case d < distance && d < len(candidate)-1:
			best, distance = candidate, d
		}
	}
	return best
}

// isMeant asks whether the closest of some names is meant, or lists them.
func isMeant(name string, of []string) string {
	if near := closest(name, of); near != "" {
		return ", is " + near + " meant?"
	}
	return "; there are: " + strings.Join(of, ", ")
}
