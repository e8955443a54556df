//go:build linux

package integration

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const (
	posixPackage = "github.com/hanwen/go-fuse/v2/posixtest"

	byDesign = "FAIL"
	left     = "SKIP" // by the suite itself, which sees that the filesystem has no such thing
	either   = "PASS or FAIL"
)

// posixExceptions are the tests of the suite that do not pass, and why.
// docs/conformance.md has the same table.
var posixExceptions = map[string]struct{ outcome, why string }{
	"Link":                       {byDesign, "VIS has no hard links"},
	"LinkUnlinkRename":           {byDesign, "VIS has no hard links"},
	"SymlinkReadlink":            {byDesign, "VIS has no symbolic links"},
	"SetattrSymlink":             {byDesign, "VIS has no symbolic links"},
	"FileBasic":                  {byDesign, "it wants mode 0755; a file is public (0644) or private (0600)"},
	"XAttr":                      {byDesign, "it sets user.xattrtest; attributes of images are below user.visor."},
	"XAttrLarge":                 {left, "it sets user.large; attributes of images are below user.visor."},
	"Tmpfile":                    {left, "a file without a name would be an image without one"},
	"FstatDeleted":               {either, "a new file gets the inode number of its image a moment after its first close"},
	"RenameOverwriteDestNoExist": {either, "a new file gets the inode number of its image a moment after its first close"},
}

// leastPosixTests is how many the suite has, or it did not run as a whole.
const leastPosixTests = 30

// The suite is run as its authors do, from the source that this project is built with. The
// original server could not hold its names, which have more than 45 characters.
func TestPosixSuiteOfGoFusePasses(t *testing.T) {
	t.Parallel()
	suite := filepath.Join(t.TempDir(), "posixtest")
	if out, err := exec.Command("go", "test", "-c", "-o", suite, posixPackage).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, m := mounted(t)
	r := try(t, suite, "-posixdir", m.dir, "-test.v", "-test.timeout", "50s")
	outcomes := map[string]string{}
	for _, line := range regexp.MustCompile(`--- (PASS|FAIL|SKIP): TestAll/(\w+)`).FindAllStringSubmatch(r.stdout, -1) {
		outcomes[line[2]] = line[1]
	}
	wantPosixOutcomes(t, outcomes)
	if t.Failed() {
		t.Logf("the suite said:\n%s%s", r.stdout, r.stderr)
	}
}

func wantPosixOutcomes(t *testing.T, outcomes map[string]string) {
	t.Helper()
	if len(outcomes) < leastPosixTests {
		t.Errorf("%d tests ended, want at least %d", len(outcomes), leastPosixTests)
	}
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		exception, known := posixExceptions[name]
		switch got := outcomes[name]; {
		case !known && got != "PASS":
			t.Errorf("%s: %s", name, got)
		case known && exception.outcome != either && got != exception.outcome:
			t.Errorf("%s: %s, want %s (%s): if that is right now, it is no exception any more", name, got, exception.outcome, exception.why)
		}
	}
	for name := range posixExceptions {
		if outcomes[name] == "" {
			t.Errorf("%s: no such test ended", name)
		}
	}
}
