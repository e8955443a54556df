package main

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestOptionsOfMacOSAreTakenThereAndRefusedElsewhere(t *testing.T) {
	words := []string{"volname=VIS images", "noappledouble", "noapplexattr"}
	if runtime.GOOS == "darwin" {
		if m, err := mountFlagsOf("-o", strings.Join(words, ",")); err != nil || !slices.Equal(m.options, words) {
			t.Errorf("%v, %q", err, m.options)
		}
	} else {
		for _, word := range words {
			var usage usageError
			if _, err := mountFlagsOf("-o", word); !errors.As(err, &usage) || !strings.Contains(err.Error(), "only macOS") {
				t.Errorf("%s: %v, want a refusal", word, err)
			}
		}
	}
	for word, want := range map[string]string{"volname=": "give the volume a name", "volname": "give the volume a name", "noappledouble=1": "no such option", "noexec,volname=": "give the volume a name", `volname="a,b"`: "a comma"} {
		if _, err := mountFlagsOf("-o", word); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", word, err, want)
		}
	}
}
