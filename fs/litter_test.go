package fs

import (
	"testing"
)

func TestOnlyWhatMacOSLeavesIsLitter(t *testing.T) {
	for path, want := range map[string]bool{
		"._debian.iso":                 true,
		"._":                           true,
		"debian/12/._base.iso":         true,
		".DS_Store":                    true,
		"debian/.DS_Store":             true,
		".Spotlight-V100/Store-V2/x":   true,
		".Trashes/501/debian.iso":      true,
		".fseventsd/0000000000a1b2c3":  true,
		".TemporaryItems":              true,
		".apdisk":                      true,
		".DocumentRevisions-V100/x":    true,
		".VolumeIcon.icns":             true,
		".DS_Store.a1B2c3":             true, // while rsync writes it
		"debian/.apdisk.Zz09aB":        true,
		"debian.iso":                   false,
		"_.iso":                        false,
		"a._b":                         false,
		".hidden.iso":                  false,
		".DS_Store.iso":                false,
		"DS_Store":                     false,
		".ds_store":                    false,
		".Trashes.iso":                 false,
		".TrashesX":                    false,
		".Spotlight":                   false,
		"VolumeIcon.icns":              false,
		".debian.iso.a1B2c3":           false,
		".DS_Store.a1B2c":              false,
		"fseventsd/.apdisk2/disk.vmdk": false,
	} {
		if got := checkLitter(path) != nil; got != want {
			t.Errorf("%q: litter is %v, want %v", path, got, want)
		}
	}
}
