//go:build linux

package integration

import (
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// isos are real images that Debian ships, by package.
var isos = map[string]string{
	"/usr/lib/grub-rescue/grub-rescue-cdrom.iso": "grub-rescue-pc",
	"/usr/lib/memtest86+/memtest86+x64.iso":      "memtest86+",
	"/usr/lib/ipxe/ipxe.iso":                     "ipxe",
}

// needISOs returns the real images.
func needISOs(t *testing.T) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for path, pkg := range isos {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: apt-get install %s", err, pkg)
		}
		found[path] = data
	}
	return found
}

func TestDemoTakesTheRealImagesOfDebian(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	m := launchMount(t, launch{dir: work, env: []string{}}, "demo")
	for path, data := range needISOs(t) {
		name := filepath.Base(path)
		sum := fmt.Sprintf("%x", md5.Sum(data))
		tool(t, "cp", path, m.dir)
		if ls := tool(t, "ls", "-l", m.path(name)); !strings.Contains(ls, fmt.Sprintf(" %d ", len(data))) {
			t.Errorf("ls -l shows another size than %d: %s", len(data), ls)
		}
		if silent := tool(t, "cmp", path, m.path(name)); silent != "" {
			t.Errorf("cmp: %s", silent)
		}
		if got := tool(t, "md5sum", m.path(name)); !strings.HasPrefix(got, sum) {
			t.Errorf("md5sum: %s, want %s", got, sum)
		}
		wantAttributes(t, m.path(name), map[string]string{
			"_id": "", "uri": "", "name": name, "architecture": "x86_64", "access": "public", "status": "available",
			"format": "iso", "size": fmt.Sprint(len(data)), "checksum": sum, "owner": "foo", "store": "file",
			"location": "", "created_at": "", "uploaded_at": "", "updated_at": "",
		})
	}
	if got := names(t, m.dir); got != "grub-rescue-cdrom.iso ipxe.iso memtest86+x64.iso" {
		t.Errorf("ls: %s", got)
	}
	m.stop()
	if left, _ := os.ReadDir(work); len(left) > 0 {
		t.Errorf("without --data it left %s", left[0].Name())
	}
}

// wantAttributes demands extended attributes in the output of getfattr; an empty
// value stands for any.
func wantAttributes(t *testing.T, path string, want map[string]string) {
	t.Helper()
	dump := tool(t, "getfattr", "--absolute-names", "-d", path)
	for name, value := range want {
		line := "user.visor." + name + "=\"" + value
		if value != "" {
			line += "\"\n"
		}
		if !strings.Contains(dump, line) {
			t.Errorf("getfattr -d %s has no %s in:\n%s", path, line, dump)
		}
	}
}

func TestDemoKeepsImagesWhereDataIsGiven(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "new")
	source := newFile(t, "a.iso", random(1, 300_000))
	first := launchMount(t, launch{env: []string{}}, "demo", "--data", data)
	tool(t, "cp", source, first.path("a.iso"))
	first.stop()

	second := launchMount(t, launch{env: []string{}}, "demo", "--data", data)
	tool(t, "cmp", source, second.path("a.iso"))
}

func TestDemoSaysHowToReachIt(t *testing.T) {
	t.Parallel()
	m := launchMount(t, launch{env: []string{}}, "demo")
	for _, word := range []string{m.dir, "http://127.0.0.1:", "foo", "bar", "Ctrl-C"} {
		if !strings.Contains(m.ready(), word) {
			t.Errorf("the ready line %q has no %q", m.ready(), word)
		}
	}
}
