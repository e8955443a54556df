package main

import (
	"errors"
	"strings"
	"testing"

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
	for _, want := range []size{1, 64 << 20, 256 << 20, 1 << 30, 3 << 30} {
		var got size
		if err := got.Set(want.String()); err != nil || got != want {
			t.Errorf("%d prints as %q, which is %d, %v", want, want.String(), got, err)
		}
	}
}

func TestMountOptions(t *testing.T) {
	for _, row := range []struct {
		words           []string
		readOnly, other bool
	}{
		{nil, false, false},
		{[]string{"ro"}, true, false},
		{[]string{"ro", "rw"}, false, false},
		{[]string{"rw", "ro"}, true, false},
		{[]string{"allow_other", "ro"}, true, true},
	} {
		var o fs.Options
		if err := applyMountOptions(&o, row.words); err != nil || o.ReadOnly != row.readOnly || o.AllowOther != row.other {
			t.Errorf("-o %s: %+v, %v", strings.Join(row.words, ","), o, err)
		}
	}
}

func TestUnknownMountOptionNamesThoseThereAre(t *testing.T) {
	for _, word := range []string{"nonsense", "RO", "", "allow-other", "uid=1", "ro "} {
		err := applyMountOptions(new(fs.Options), []string{"ro", word})
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), word) {
			t.Errorf("-o %q: %T %v", word, err, err)
			continue
		}
		for name := range mountOptions {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("-o %q: %v does not name %s", word, err, name)
			}
		}
	}
}

func TestOptionsMayBeSeparatedByCommasOrRepeated(t *testing.T) {
	for _, args := range [][]string{{"-o", "ro,allow_other"}, {"-o", "ro", "-o", "allow_other"}, {"-oro,allow_other"}, {"--options=ro,allow_other"}} {
		var m mountFlags
		cmd := newMount()
		flags := cmd.Flags()
		if err := flags.Parse(args); err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		var err error
		if m.options, err = flags.GetStringSlice("options"); err != nil {
			t.Fatal(err)
		}
		var o fs.Options
		if err := applyMountOptions(&o, m.options); err != nil || !o.ReadOnly || !o.AllowOther {
			t.Errorf("%q: %+v, %v", args, o, err)
		}
	}
}
