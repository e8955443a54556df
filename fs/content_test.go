package fs

import (
	"os"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/spool"
)

// The body of an upload that has failed may be read for a moment after it.
func TestBodyThatIsReadTooLateLeavesNoSpoolFile(t *testing.T) {
	for name, end := range map[string]func(c *content){
		"released": func(c *content) { c.release() },
		"salvaged": func(c *content) { _, _ = c.salvage() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			files, err := spool.Open(spool.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			c := &content{name: "a.img", spool: files}
			if err := c.write([]byte("written"), 0); err != nil {
				t.Fatal(err)
			}
			end(c)
			c.keepBase([]byte("late"), 0)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasSuffix(e.Name(), ".spool") {
					t.Errorf("%s stays", e.Name())
				}
			}
			if err := files.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
