//go:build linux

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSecondRsyncOf50ImagesMovesNoDataOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		files := make(tree)
		for i := range 50 {
			files[fmt.Sprintf("%d/%s", i%5, numbered(i))] = file{data: random(uint64(540+i), 8<<10), mtime: stamp.Add(time.Duration(i) * time.Minute)}
		}
		source := t.TempDir()
		files.write(t, source)
		p := startProxy(t, s)
		e := &env{server: s, spool: newSpool(t)}
		e.mount = startMount(t, p.url, append(spoolFlags(e.spool), "--metadata-ttl", "1h")...)
		tool(t, "rsync", "-a", source+"/", e.mount.dir)
		e.wantNothingToMove(t, p, source, e.mount)
		e.wantNothingToMove(t, p, source, startMount(t, p.url, "--metadata-ttl", "1h"))
		e.settled(t, files, false)
	})
}

// wantNothingToMove demands that rsync finds a mount up to date, with one listing at most.
func (e *env) wantNothingToMove(t *testing.T, p *proxy, source string, m *mount) {
	t.Helper()
	p.reset()
	said := tool(t, "rsync", "-a", "--itemize-changes", "--omit-dir-times", "--stats", source+"/", m.dir)
	for _, line := range []string{"Number of regular files transferred: 0\n", "Literal data: 0 bytes\n"} {
		if !strings.Contains(said, line) {
			t.Errorf("rsync does not say %q but %s", line, said)
		}
	}
	listings := p.list(isListing)
	if all := p.list(isAny); len(listings) > 1 || len(all) > len(listings) {
		t.Errorf("requests %v, want one listing at most", all)
	}
	if n := p.sent.Load(); n != 0 {
		t.Errorf("%d bytes of image data went to the mount", n)
	}
}
