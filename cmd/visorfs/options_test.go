package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/fs"
)

func TestSizesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]size{
		"0": 0, "1": 1, "64": 64, "1B": 1, "1k": 1000, "1K": 1000, "1kB": 1000, "1KiB": 1024, "1Ki": 1024, "256MiB": 256 << 20, "256 MiB": 256 << 20,
		"256mib": 256 << 20, "1GiB": 1 << 30, "1.5GiB": 3 << 29, "1TB": 1e12, "2TiB": 2 << 40, "7EiB": 7 << 60,
	} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q is %d, %v, want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", " ", "many", "-1", "-1MiB", "1XiB", "MiB", "1MiBs", "8EiB", "16EiB", "99999999999999999999", "NaN", "Inf", "0x10", "1..5"} {
		s := size(42)
		if err := s.Set(text); err == nil || !strings.Contains(err.Error(), "256MiB") || s != 42 {
			t.Errorf("%q is %d, %v; want an error that shows how, and no change", text, s, err)
		}
	}
}

func TestSizePrintsAsItIsWritten(t *testing.T) {
	for _, want := range []size{1, 1025, 1234567, 1<<40 + 1, 64 << 20, 256 << 20, 1 << 30, 3 << 30} {
		var got size
		if err := got.Set(want.String()); err != nil || got != want {
			t.Errorf("%d prints as %q, which is %d, %v", want, want.String(), got, err)
		}
	}
}

// mountFlagsOf parses the command line of a mount.
func mountFlagsOf(args ...string) (m mountFlags, err error) {
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	m.add(flags)
	if err := flags.Parse(args); err != nil {
		return m, err
	}
	return m, m.applyOptions(flags)
}

func TestMountOptions(t *testing.T) {
	for _, row := range []struct {
		text            string
		readOnly, other bool
	}{
		{"", false, false},
		{"ro", true, false},
		{"ro,rw", false, false},
		{"rw,ro", true, false},
		{"allow_other,,ro", true, true},
		{"allow-other,read_only", true, true},
		{"allow_other=false", false, false},
		{"rw,_netdev,nofail,x-systemd.automount,comment=a,user=me,relatime,ro", true, false},
	} {
		m, err := mountFlagsOf("-o", row.text)
		var o fs.Options
		m.accessFlags.apply(&o)
		if err != nil || o.ReadOnly != row.readOnly || o.AllowOther != row.other {
			t.Errorf("-o %s: %+v, %v", row.text, o, err)
		}
	}
}

func TestEveryFlagIsAnOptionAndEveryOptionAFlag(t *testing.T) {
	values := map[string]string{
		"size": "3MiB", "duration": "7s", "int": "3", "bool": "true", "OCTAL": "027", "ID": "12",
		"verify": "always", "architecture": "i386", "log-format": "json", "log-level": "warn",
	}
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	new(mountFlags).add(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "options" || f.Name == "sloppy" {
			return
		}
		value := cmp.Or(values[f.Name], values[f.Value.Type()], values[strings.ToLower(f.Value.Type())], "text")
		byFlag, err := mountFlagsOf("--" + f.Name + "=" + value)
		if err != nil {
			t.Errorf("--%s=%s: %v", f.Name, value, err)
		}
		for _, name := range []string{f.Name, strings.ReplaceAll(f.Name, "-", "_")} {
			byOption, err := mountFlagsOf("-o", name+"="+value)
			if err != nil {
				t.Errorf("-o %s=%s: %v", name, value, err)
			}
			byOption.options = nil
			if fmt.Sprintf("%+v", comparable(byFlag)) != fmt.Sprintf("%+v", comparable(byOption)) {
				t.Errorf("-o %s=%s is %+v, want %+v", name, value, byOption, byFlag)
			}
		}
	})
}

// comparable leaves out what is not a value.
func comparable(m mountFlags) mountFlags {
	m.uid.find, m.gid.find = nil, nil
	return m
}

func TestUnknownOptionNamesTheNearest(t *testing.T) {
	for word, want := range map[string]string{
		"nonsense": "--help", "alow_other": "is allow_other meant?", "metadata-tll=5s": "is metadata_ttl meant?",
		"umaks=022": "is umask meant?", "RO": "is ro meant?", "ro ": "--help", "options=ro": "no such option", "help": "no such option",
	} {
		_, err := mountFlagsOf("-o", "ro,"+word)
		var usage usageError
		name, _, _ := strings.Cut(word, "=")
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("-o %q: %T %v, want %q", word, err, err, want)
		}
		if _, err := mountFlagsOf("--sloppy", "-o", "ro,"+word); err != nil {
			t.Errorf("-o %q, which mount -s leaves out: %v", word, err)
		}
	}
}

func TestOptionsMayBeSeparatedByCommasOrRepeated(t *testing.T) {
	for _, args := range [][]string{{"-o", "ro,allow_other"}, {"-o", "ro", "-o", "allow_other"}, {"-oro,allow_other"}, {"--options=ro,allow_other"}} {
		m, err := mountFlagsOf(args...)
		if err != nil || !m.readOnly || !m.allowOther {
			t.Errorf("%q: %+v, %v", args, m, err)
		}
	}
}

func TestCommaInAValueIsQuoted(t *testing.T) {
	for text, want := range map[string]string{
		`ro,cache_dir="/a,b",rw`: "/a,b", `ro,cache_dir=/a\,b,rw`: "/a,b", `cache_dir=/a\\b`: `/a\b`, `cache_dir="/a b"`: "/a b",
	} {
		if m, err := mountFlagsOf("-o", text); err != nil || m.cacheDir != want {
			t.Errorf("-o %s: %q, %v, want %q", text, m.cacheDir, err, want)
		}
	}
}
