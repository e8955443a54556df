//go:build linux

package integration

import (
	"path/filepath"
	"testing"
)

// What write programs are measured by is what a local directory does.
func TestModelOfWriteProgramsIsALocalDirectory(t *testing.T) {
	t.Parallel()
	for _, p := range []profile{inOrder, likeADisk} {
		for _, seed := range seeds(t, 50) {
			dir, program := t.TempDir(), p.generate(seed)
			path := func(name int) string { return filepath.Join(dir, nameOf(name)) }
			if err := play(program, &model{}, path, func(step) error { return nil }); err != nil {
				t.Fatalf("seed %d: %v; the program is\n%s", seed, err, source(program))
			}
		}
	}
}
