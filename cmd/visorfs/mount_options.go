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

// applyOptions sets the flags that the words of -o name, and leaves those of the kernel.
func (m *mountFlags) applyOptions(flags *pflag.FlagSet) error {
	var words []string
	for _, text := range m.options {
		words = append(words, splitOptions(text)...)
	}
	kernel, err := readOptions(flags, words, func(flag *pflag.Flag, name, value string) error {
		if err := flags.Set(flag.Name, value); err != nil {
			return explainValue(flag, name, value, errors.Unwrap(err))
		}
		return nil
	})
	if err != nil {
		return usageError{fmt.Errorf("-o %w", err)}
	}
	m.options = kernel
	return nil
}

// readOptions calls set for each word that is a flag, with the name that it has there, and
// returns those that are the kernel's.
func readOptions(flags *pflag.FlagSet, words []string, set func(flag *pflag.Flag, name, value string) error) (kernel []string, err error) {
	for _, word := range words {
		isMac, err := checkMacOption(word)
		switch {
		case err != nil:
			return nil, err
		case word == "remount":
			return nil, errors.New("remount: the options of a mount cannot be changed; unmount it, and mount it again")
		case isMac || slices.Contains(kernelOptions, word):
			kernel = append(kernel, word)
		case isIdle(word):
		default:
			if err := readOption(flags, word, set); err != nil {
				return nil, err
			}
		}
	}
	return kernel, nil
}

func readOption(flags *pflag.FlagSet, word string, set func(flag *pflag.Flag, name, value string) error) error {
	name, value, hasValue := strings.Cut(word, "=")
	if word == "rw" {
		return set(flags.Lookup("read-only"), word, "false")
	}
	flag := flags.Lookup(name)
	if flag == nil || slices.Contains(notOptions, flag.Name) {
		if sloppy, err := flags.GetBool("sloppy"); err == nil && sloppy {
			return nil
		}
		return unknownOption(flags, name)
	}
	if !hasValue {
		if flag.NoOptDefVal == "" {
			return fmt.Errorf("%s: give it a value: %s=%s", name, name, strings.ToUpper(flag.Value.Type()))
		}
		value = flag.NoOptDefVal
	}
	return set(flag, name, value)
}

// notOptions are flags that are no options.
var notOptions = []string{"options", "help", "json"}

// optionNames are the words of -o that mean something, without those of mount(8) alone.
func optionNames(flags *pflag.FlagSet) []string {
	names := append([]string{"ro", "rw"}, kernelOptions...)
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && !slices.Contains(notOptions, f.Name) {
			names = append(names, strings.ReplaceAll(f.Name, "-", "_"))
		}
	})
	return names
}

func unknownOption(flags *pflag.FlagSet, name string) error {
	hint := "see visorfs mount --help: every flag is an option as well"
	if near := closest(strings.ReplaceAll(name, "-", "_"), optionNames(flags)); near != "" {
		hint = "is " + near + " meant?"
	}
	return fmt.Errorf("%s: no such option; %s", name, hint)
}

// joinOptions is the opposite of splitOptions.
func joinOptions(words []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `,`, `\,`)
	escaped := make([]string, len(words))
	for i, word := range words {
		escaped[i] = escape.Replace(word)
	}
	return strings.Join(escaped, ",")
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
