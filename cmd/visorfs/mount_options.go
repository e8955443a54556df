package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Words of -o are flags: metadata_ttl=5s is --metadata-ttl 5s. Beside them there are those
// that every filesystem is given.

// kernelOptions are those that mean something to the kernel.
var kernelOptions = []string{"exec", "noexec", "default_permissions"}

// idleOptions are those that mean something to mount(8) and systemd alone, or nothing
// where there are no devices, set-user-id programs and times of access, and where a close
// is on the server's disk.
var idleOptions = []string{
	"defaults", "auto", "noauto", "nofail", "_netdev",
	"user", "nouser", "users", "nousers", "owner", "noowner", "group", "nogroup",
	"dev", "nodev", "suid", "nosuid",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
	"async", "sync", "dirsync", "mand", "nomand", "iversion", "noiversion", "silent", "loud",
}

// idlePrefixes begin those that have a value, or many names.
var idlePrefixes = []string{"x-", "X-", "comment=", "user=", "uhelper=", "helper=", "subtype="}

func isIdle(word string) bool {
	return slices.Contains(idleOptions, word) ||
		slices.ContainsFunc(idlePrefixes, func(prefix string) bool { return strings.HasPrefix(word, prefix) })
}

// normalizeFlag makes the names that options have in /etc/fstab those of flags.
func normalizeFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "ro" {
		name = "read-only"
	}
	return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
}

// applyOptions sets the flags that the words of -o name.
func (m *mountFlags) applyOptions(flags *pflag.FlagSet) error {
	m.kernel = nil
	for _, text := range m.options {
		for _, word := range splitOptions(text) {
			if err := m.applyOption(flags, word); err != nil {
				return usageError{err}
			}
		}
	}
	return nil
}

func (m *mountFlags) applyOption(flags *pflag.FlagSet, word string) error {
	switch {
	case word == "rw":
		return flags.Set("read-only", "false")
	case word == "remount":
		return errors.New("-o remount: the options of a mount cannot be changed; unmount it, and mount it again")
	case slices.Contains(kernelOptions, word):
		m.kernel = append(m.kernel, word)
		return nil
	case isIdle(word):
		return nil
	}
	name, value, hasValue := strings.Cut(word, "=")
	flag := flags.Lookup(name)
	if flag == nil || flag.Name == "options" || flag.Name == "help" {
		if m.sloppy {
			return nil
		}
		return unknownOption(flags, name)
	}
	if !hasValue {
		if flag.NoOptDefVal == "" {
			return fmt.Errorf("-o %s: give it a value: -o %s=%s", name, name, strings.ToUpper(flag.Value.Type()))
		}
		value = flag.NoOptDefVal
	}
	if err := flags.Set(flag.Name, value); err != nil {
		return fmt.Errorf("-o %s: %w", name, errors.Unwrap(err))
	}
	return nil
}

func unknownOption(flags *pflag.FlagSet, name string) error {
	hint := "see visorfs mount --help: every flag is an option as well"
	if near := nearestFlag(flags, name); near != "" {
		hint = "is " + strings.ReplaceAll(near, "-", "_") + " meant?"
	}
	return fmt.Errorf("-o %s: no such option; %s", name, hint)
}

// splitOptions splits at commas. One that is a part of a value stands in double quotes, as
// mount(8) has it, or behind a backslash, as FUSE programs do.
func splitOptions(text string) (words []string) {
	var word strings.Builder
	quoted, escaped := false, false
	end := func() {
		if word.Len() > 0 { // of "ro,,x" there is nothing to say
			words = append(words, word.String())
		}
		word.Reset()
	}
	for _, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
			word.WriteByte(c)
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			end()
		default:
			word.WriteByte(c)
		}
	}
	end()
	return words
}
