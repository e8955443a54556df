//go:build linux

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	crowd       = 32 // processes
	crowdTTL    = 500 * time.Millisecond
	crowdGrace  = 60 * time.Second // for the last round of each
	stableFiles = 20
)

// tasks are what the processes of a crowd do again and again until it is late: shell
// scripts that get the mount, a number of their own, and the time in seconds. They stop at
// the first thing that is wrong. ls and find alone may meet a file that another removes.
var tasks = map[string]string{
	"ls": `ls -lR "$1" > "$TMPDIR/ls.$2" 2> "$TMPDIR/errors.$2" || true
		if grep -v 'No such file or directory$' "$TMPDIR/errors.$2" >&2; then exit 1; fi
		if grep stable "$TMPDIR/errors.$2" >&2; then exit 1; fi
		test "$(grep -c 'stable-.*[.]img$' "$TMPDIR/ls.$2")" = 20`,
	"stat":     `test "$(stat -c %s "$1"/stable/*.img | sort -u)" = 1000`,
	"getfattr": `test "$(getfattr --absolute-names --only-values -n user.visor.note "$1"/stable/*.img | tr -d x)" = ""`,
	"create and remove": `echo "round $RANDOM" > "$TMPDIR/source.$2"
		cp "$TMPDIR/source.$2" "$1/own-$2.img"
		cmp "$TMPDIR/source.$2" "$1/own-$2.img"
		setfattr -n user.visor.note -v "note $2" "$1/own-$2.img"
		test "$(getfattr --absolute-names --only-values -n user.visor.note "$1/own-$2.img")" = "note $2"
		rm "$1/own-$2.img"
		test ! -e "$1/own-$2.img"`,
	"create and remove in directories": `mkdir "$1/dir-$2"
		cp "$TMPDIR/ls.0" "$1/dir-$2/a.img"
		mv "$1/dir-$2/a.img" "$1/dir-$2/b.img"
		test "$(ls "$1/dir-$2")" = b.img
		rm -r "$1/dir-$2"
		test ! -e "$1/dir-$2/b.img"`,
}

// A crowd of programs gets along in one mount for some time (VISORFS_SECONDS says how
// long): nothing fails, nothing hangs, and the server is asked for a listing no more often
// than the time to live makes necessary, whatever the number of those who want to know.
func TestACrowdOfProgramsNeedsOneListingPerTimeToLive(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	for i := range stableFiles {
		s.post(fmt.Sprintf("stable/stable-%d.img", i), random(uint64(320+i), 1000), map[string]string{"note": "x"})
	}
	m := startMount(t, p.url, "--metadata-ttl", crowdTTL.String())
	m.allowLog(`level=WARN .*path=/(own|dir)-.*errno="no such file`) // ls of what is being removed
	seconds, _ := number(t, "VISORFS_SECONDS", 10)
	scratch := t.TempDir()
	source := newFile(t, "source", random(319, 5000))
	tool(t, "cp", source, scratch+"/ls.0")

	began := time.Now()
	var all sync.WaitGroup
	processes := 0
	for processes < crowd {
		for name, script := range tasks {
			processes++
			n := processes
			all.Go(func() {
				if err := m.repeat(script, scratch, n, time.Duration(seconds)*time.Second); err != nil {
					t.Errorf("%s (process %d): %v", name, n, err)
				}
			})
		}
	}
	all.Wait()
	elapsed := time.Since(began)
	listings := len(p.list(isListing))
	t.Logf("%d processes, %v: %d listings, %d requests", processes, elapsed.Round(time.Second), listings, len(p.list(isAny)))
	if most := int(elapsed/crowdTTL)*5/4 + 3; listings > most { // a refresh may begin before it must
		t.Errorf("%d listings in %v, want at most %d: one per %v", listings, elapsed, most, crowdTTL)
	}
	if n := len(s.images()); n != stableFiles {
		t.Errorf("%d images are left, want %d", n, stableFiles)
	}
}

// repeat runs a script in a process that does it again and again for some time. One that
// does not end then gets the mount to say where it stands.
func (m *mount) repeat(script, scratch string, number int, long time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), long+crowdGrace)
	defer cancel()
	loop := fmt.Sprintf("set -e; while test $SECONDS -lt %d; do\n%s\ndone", int(long.Seconds()), script)
	cmd := exec.CommandContext(ctx, "bash", "-c", loop, "bash", m.dir, fmt.Sprint(number))
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "TMPDIR="+scratch)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		m.signal(syscall.SIGQUIT) // and its log, with all goroutines, becomes part of the failure
		return errors.Join(ctx.Err(), fmt.Errorf("it hangs: %s", strings.TrimSpace(said.String())))
	}
	if err != nil || said.Len() > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}
