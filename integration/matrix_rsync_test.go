//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestMatrixOfRsync(t *testing.T) {
	fresh, old := random(530, 1<<20), random(531, 1536<<10)
	sparse := make([]byte, 2<<20)
	copy(sparse[1<<20:], random(532, 64<<10))
	changed := bytes.Clone(old)
	copy(changed[700<<10:], random(533, 8<<10))
	files := dated(534)
	runMatrix(t, []cell{
		{
			tool:   "rsync -a",
			local:  files.under("tree"),
			script: `rsync -a tree $mnt`,
			want:   files.under("tree"),
		},
		{
			tool:   "rsync -a over",
			stored: tree{"a.iso": {data: old}, "b.iso": {data: fresh, mtime: stamp}},
			local:  tree{"a.iso": {data: fresh, mtime: stamp}, "b.iso": {data: fresh, mtime: stamp}},
			script: `rsync -a ./ $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}, "b.iso": {data: fresh, mtime: stamp, was: "b.iso"}},
		},
		{
			tool:   "rsync -a out",
			stored: files.under("tree"),
			local:  files.under("tree"),
			script: `rsync -a $mnt/tree/ out; diff -r tree out; test -z "$(rsync -ai --omit-dir-times tree/ out)"`,
			want:   files.under("tree"),
		},
		{
			tool:   "rsync -aX",
			args:   []string{"-o", "xattr_restore"}, // rsync also removes the attributes that a local file lacks
			local:  tree{"a.iso": {data: fresh, mtime: stamp, note: "two words"}},
			script: `rsync -aX a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp, note: "two words"}},
		},
		{
			tool:   "rsync -aX restores a tree",
			stored: tree{"deb/a.iso": {data: old, mtime: stamp, note: "x", private: true}},
			args:   []string{"-o", "xattr_restore"},
			script: `rsync -aX $mnt/deb .; rm -r $mnt/deb; rsync -aX deb $mnt`,
			want:   tree{"deb/a.iso": {data: old, mtime: stamp, note: "x", private: true}},
		},
		{
			tool:   "rsync --inplace",
			stored: tree{"a.iso": {data: old, note: "x"}},
			local:  tree{"a.iso": {data: changed, mtime: stamp}, "b.iso": {data: fresh, mtime: stamp}},
			script: `rsync -a --inplace ./ $mnt`,
			want:   tree{"a.iso": {data: changed, mtime: stamp, note: "x"}, "b.iso": {data: fresh, mtime: stamp}},
		},
		{
			tool:   "rsync --inplace --no-whole-file", // reads the file that it changes
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: changed, mtime: stamp}},
			script: `rsync -a --inplace --no-whole-file a.iso $mnt`,
			want:   tree{"a.iso": {data: changed, mtime: stamp}},
		},
		{
			tool:   "rsync --no-whole-file",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: changed, mtime: stamp}},
			script: `rsync -a --no-whole-file a.iso $mnt`,
			want:   tree{"a.iso": {data: changed, mtime: stamp}},
		},
		{
			tool:   "rsync --append-verify",
			stored: tree{"a.iso": {data: old[:512<<10]}},
			local:  tree{"a.iso": {data: old, mtime: stamp}},
			script: `rsync -a --append-verify a.iso $mnt`,
			want:   tree{"a.iso": {data: old, mtime: stamp}},
		},
		{
			tool:  "rsync --partial",
			local: tree{"a.iso": {data: old, mtime: stamp}},
			run:   interruptPartial,
			want:  tree{"a.iso": {data: old, mtime: stamp}},
		},
		{
			tool:   "rsync --backup",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh, mtime: stamp}},
			script: `rsync -a --backup a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}, "a.iso~": {data: old, format: "iso", was: "a.iso"}},
		},
		{
			tool:   "rsync --delete",
			stored: files.under("tree").and(tree{"tree/gone.iso": {data: old}, "tree/old/gone": {data: old}, "b.iso": {data: old}}),
			local:  files.under("tree"),
			script: `rsync -a --delete tree $mnt`,
			want:   files.under("tree").movedFrom("").and(tree{"b.iso": {data: old, was: "b.iso"}}),
		},
		{
			tool:   "rsync --delay-updates",
			stored: tree{"tree/a.iso": {data: old}},
			local:  files.under("tree"),
			script: `rsync -a --delay-updates tree $mnt`,
			want:   files.under("tree"),
		},
		{
			tool:   "rsync -S",
			local:  tree{"a.img": {data: sparse, mtime: stamp}},
			script: `rsync -aS a.img $mnt`,
			want:   tree{"a.img": {data: sparse, mtime: stamp}},
		},
		{
			tool:   "rsync -z",
			local:  files.under("tree"),
			script: `rsync -az tree $mnt`,
			want:   files.under("tree"),
		},
		{
			tool:  "rsync daemon, push",
			local: files.under("tree"),
			run: func(t *testing.T, e *env) {
				module := startRsyncDaemon(t, e)
				e.sh(t, `rsync -a tree `+module)
				if again := tool(t, "rsync", "-ai", "--omit-dir-times", e.local+"/tree", module); again != "" {
					t.Errorf("a second rsync moves %s", again)
				}
			},
			want: files.under("tree"),
		},
		{
			tool:   "rsync daemon, push -z over",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: changed, mtime: stamp}},
			run:    func(t *testing.T, e *env) { e.sh(t, `rsync -az a.iso `+startRsyncDaemon(t, e)) },
			want:   tree{"a.iso": {data: changed, mtime: stamp}},
		},
		{
			tool:   "rsync daemon, pull",
			stored: files.under("tree"),
			local:  files.under("tree"),
			run: func(t *testing.T, e *env) {
				e.sh(t, `rsync -a `+startRsyncDaemon(t, e)+`tree/ out; diff -r tree out`)
			},
			want: files.under("tree"),
		},
	})
}

// interruptPartial ends an rsync --partial in the middle, and lets another complete it.
func interruptPartial(t *testing.T, e *env) {
	e.mount.allowLog(`level=(WARN|ERROR) .*interrupted`)
	source := filepath.Join(e.local, "a.iso")
	cmd := background(t, "rsync", "-a", "--partial", "--bwlimit=512", source, e.mount.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C goes to all of its processes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "256 KiB are written", func() bool {
		names, _ := filepath.Glob(e.mount.path(".a.iso.*"))
		if len(names) == 0 {
			return false
		}
		info, err := os.Stat(names[0])
		return err == nil && info.Size() >= 256<<10
	})
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	if err := cmd.Wait(); err == nil {
		t.Error("rsync was not interrupted")
	}
	e.sh(t, `rsync -a --partial a.iso $mnt`)
}

// startRsyncDaemon serves a mount with the daemon of rsync, and returns its URL.
func startRsyncDaemon(t *testing.T, e *env) (module string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = listener.Close() // the daemon cannot take a port over
	config := newFile(t, "rsyncd.conf", fmt.Appendf(nil,
		"use chroot = no\n%s[images]\npath = %s\nread only = no\n", rsyncUser(), e.mount.dir))
	cmd := background(t, "rsync", "--daemon", "--no-detach", "--address=127.0.0.1", "--port="+port,
		"--config="+config, "--log-file="+config+".log")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "the rsync daemon answers", func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return "rsync://" + addr + "/images/"
}

// rsyncUser keeps the daemon of root from becoming nobody; others may not choose.
func rsyncUser() string {
	if os.Geteuid() != 0 {
		return ""
	}
	return "uid = root\ngid = root\n"
}
