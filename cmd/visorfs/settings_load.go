package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// rank is how much a source of settings counts.
type rank int

const (
	byDefault     rank = iota
	byVISOR            // VISOR's sections of the configuration file
	byFile             // our section of it
	byEnvironment      // variables
	byFlag
)

// origin is where the value of a setting came from.
type origin struct {
	rank   rank
	where  string // a flag, a variable, or file:line
	beside string // the setting that counts instead of it; "" when it counts itself
}

// of names a setting as people find it where it came from.
func (o origin) of(name string) string {
	switch o.rank {
	case byDefault:
		return "--" + name
	case byVISOR, byFile:
		return o.where + ": " + name
	}
	return o.where
}

// origins are those of the settings that are not at their defaults, by the names of flags.
type origins map[string]origin

// found is a value that a source has for a setting.
type found struct {
	origin
	text string
}

// notSettings are flags of mount that no other source can give.
var notSettings = []string{"help", "config", "daemon", "sloppy"}

// settingNames are the flags of mount: what the environment and the file may give. A
// command that has only some of them takes only those.
func settingNames() []string {
	var names []string
	newMount().Flags().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notSettings, f.Name) {
			names = append(names, f.Name)
		}
	})
	return names
}

// load fills the flags that were not given from the environment and the configuration
// file, once. What counts is put through the flag's own check, as on the command line.
func (s *settings) load() error {
	if s.loaded || s.flags == nil {
		return nil
	}
	names := settingNames()
	variables, err := fromEnvironment(names)
	if err != nil {
		return err
	}
	file, err := s.findFile()
	if err != nil {
		return err
	}
	lines, err := file.settings(names)
	if err != nil {
		return err
	}
	values := make(map[string]found)
	for _, source := range []map[string]found{lines, variables, fromFlags(s.flags)} {
		if err := s.expandOptions(source); err != nil {
			return err
		}
		maps.Copy(values, source)
	}
	if err := s.fill(values); err != nil {
		return err
	}
	s.store, s.loaded = file.visor.Store, true
	if o := s.origins["secret-key"]; o.rank == byVISOR || o.rank == byFile {
		s.warnings = append(s.warnings, file.exposed()...)
	}
	return nil
}

// expandOptions makes the words of -o that a source has settings of that source, as
// applyOptions does with those of the command line; the kernel's remain.
func (s *settings) expandOptions(source map[string]found) error {
	o, given := source["options"]
	if !given || o.rank == byFlag || s.flags.Lookup("options") == nil {
		return nil
	}
	kernel, err := readOptions(s.flags, splitOptions(o.text), func(flag *pflag.Flag, name, value string) error {
		if slices.Contains(notSettings, flag.Name) {
			return fmt.Errorf("%s: it can only be given on the command line", name)
		}
		where := o.of("options")
		if o.rank == byEnvironment {
			where += ": " + name
		}
		source[flag.Name] = found{origin{rank: o.rank, where: where}, value}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.of("options"), err)
	}
	if delete(source, "options"); len(kernel) > 0 {
		source["options"] = found{o.origin, joinOptions(kernel)}
	}
	return nil
}

// fill sets the flags to the values that count.
func (s *settings) fill(values map[string]found) error {
	s.origins = make(origins)
	for _, pair := range [][2]string{{"url", "host"}, {"url", "port"}, {"secret-key-file", "secret-key"}} {
		if err := settle(values, pair[0], pair[1]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, flag := values[name], s.flags.Lookup(name)
		if flag == nil {
			continue // a setting of another command
		}
		s.origins[name] = value.origin
		switch {
		case value.beside != "":
			_ = flag.Value.Set(flag.DefValue) // it was the default once
		case value.rank == byFlag:
		case name == "options":
			_ = flag.Value.(pflag.SliceValue).Replace(splitOptions(value.text)) // expandOptions has checked them
		default:
			if err := flag.Value.Set(value.text); err != nil {
				return explainValue(flag, value.of(name), value.text, err)
			}
		}
	}
	return nil
}

// settle lets of two settings that say the same thing in two ways the one count whose
// source counts more. VISOR's own variables may be there for its own client.
func settle(values map[string]found, ours, visors string) error {
	a, hasA := values[ours]
	b, hasB := values[visors]
	if !hasA || !hasB {
		return nil
	}
	switch {
	case a.rank < b.rank:
		a.beside = b.of(visors)
	case a.rank > b.rank || a.rank == byEnvironment:
		b.beside = a.of(ours)
	case a.rank == byFlag:
		return usageError{fmt.Errorf("%s and %s say the same thing in two ways; leave out one", a.of(ours), b.of(visors))}
	default:
		return fmt.Errorf("%s and %s say the same thing in two ways; remove one", a.of(ours), b.of(visors))
	}
	values[ours], values[visors] = a, b
	return nil
}

func fromFlags(flags *pflag.FlagSet) map[string]found {
	values := make(map[string]found)
	flags.VisitAll(func(f *pflag.Flag) { // not Visit: they may be a part of those that were parsed
		if f.Name == "options" && len(f.Value.(pflag.SliceValue).GetSlice()) == 0 {
			return // it was words for other flags alone
		}
		if f.Changed {
			values[f.Name] = found{origin: origin{rank: byFlag, where: "--" + f.Name}}
		}
	})
	return values
}

// visorVariables are those that VISOR's own client takes.
var visorVariables = map[string]string{
	"host": "VISOR_HOST", "port": "VISOR_PORT", "access-key": "VISOR_ACCESS_KEY", "secret-key": "VISOR_SECRET_KEY",
}

// variablePrefix begins the names of the other variables.
const variablePrefix = "VISORFS_"

func variable(setting string) string {
	return cmp.Or(visorVariables[setting], variablePrefix+strings.ToUpper(strings.ReplaceAll(setting, "-", "_")))
}

// fromEnvironment returns what variables say; an empty one says nothing. One with our
// prefix that is none of ours, but nearly, is a mistake.
func fromEnvironment(settings []string) (map[string]found, error) {
	values := make(map[string]found)
	ours := []string{variable("config")}
	for _, setting := range settings {
		name := variable(setting)
		ours = append(ours, name)
		if text := os.Getenv(name); text != "" {
			values[setting] = found{origin{rank: byEnvironment, where: name}, text}
		}
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(ours, name) {
			continue
		}
		if near := closest(name, ours); near != "" {
			return nil, fmt.Errorf("%s is no variable of visorfs, is %s meant? Rename it, or unset it", name, near)
		}
	}
	return values, nil
}
