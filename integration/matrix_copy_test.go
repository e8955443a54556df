//go:build linux

package integration

import (
	"path/filepath"
	"testing"
)

func TestMatrixOfToolsThatCopy(t *testing.T) {
	fresh, old := random(500, 1<<20), random(501, 1536<<10)
	sparse := make([]byte, 4<<20)
	copy(sparse[1<<20:], random(502, 64<<10))
	plain, kept := undated(503), dated(506)
	runMatrix(t, []cell{
		{
			tool:   "cp",
			local:  tree{"a.iso": {data: fresh}},
			script: `cp a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh}},
		},
		{
			tool:   "cp over",
			stored: tree{"a.iso": {data: old, note: "two words"}},
			local:  tree{"a.iso": {data: fresh}},
			script: `cp a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, note: "two words"}},
		},
		{
			tool:   "cp within",
			stored: tree{"a.iso": {data: old}},
			script: `cp $mnt/a.iso $mnt/b.iso`,
			want:   tree{"a.iso": {data: old, was: "a.iso"}, "b.iso": {data: old}},
		},
		{
			tool:   "cp --sparse=always",
			local:  tree{"a.img": {data: sparse}},
			script: `cp --sparse=always a.img $mnt`,
			want:   tree{"a.img": {data: sparse}},
		},
		{
			tool:   "cp --backup",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh}},
			script: `cp --backup a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh}, "a.iso~": {data: old, format: "iso", was: "a.iso"}},
		},
		{
			tool:   "cp -a",
			local:  kept.under("tree"),
			script: `cp -a tree $mnt`,
			want:   kept.under("tree"),
		},
		{
			tool:   "cp -a of a file",
			local:  tree{"a.iso": {data: fresh, mtime: stamp, private: true}},
			script: `cp -a a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp, private: true}},
		},
		{
			tool:   "cp -a over",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh, mtime: stamp}},
			script: `cp -a a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}},
		},
		{
			tool:   "cp -r",
			local:  plain.under("tree"),
			script: `cp -r tree $mnt`,
			want:   plain.under("tree"),
		},
		{
			tool:   "cp -r within",
			stored: plain.under("tree"),
			script: `cp -r $mnt/tree $mnt/copy`,
			want:   plain.under("tree").and(plain.under("copy")),
		},
		{
			tool:   "cp -r out",
			stored: plain.under("tree"),
			local:  plain.under("tree"),
			script: `cp -r $mnt/tree out; diff -r tree out`,
			want:   plain.under("tree"),
		},
		{
			tool:   "install",
			local:  tree{"a.iso": {data: fresh}},
			script: `install -m 644 a.iso $mnt; install -m 600 a.iso $mnt/b.iso`,
			want:   tree{"a.iso": {data: fresh}, "b.iso": {data: fresh, private: true}},
		},
		{
			tool:   "install over",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh, mtime: stamp}},
			script: `install -p -m 644 a.iso $mnt`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}},
		},
		{
			tool:   "install -D",
			local:  tree{"a.iso": {data: fresh}},
			script: `install -D -m 644 a.iso $mnt/deb/12/a.iso`,
			want:   tree{"deb/12/a.iso": {data: fresh}},
		},
	})
}

func TestMatrixOfMoves(t *testing.T) {
	fresh, old := random(510, 1<<20), random(511, 1536<<10)
	files := dated(512)
	runMatrix(t, []cell{
		{
			tool:   "mv in",
			local:  tree{"a.iso": {data: fresh, mtime: stamp}},
			script: `mv a.iso $mnt; test ! -e a.iso`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}},
		},
		{
			tool:   "mv in over",
			stored: tree{"a.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh, mtime: stamp}},
			script: `mv -f a.iso $mnt; test ! -e a.iso`,
			want:   tree{"a.iso": {data: fresh, mtime: stamp}},
		},
		{
			tool:   "mv of a tree in",
			local:  files.under("tree"),
			script: `mv tree $mnt; test ! -e tree`,
			want:   files.under("tree"),
		},
		{
			tool:   "mv out",
			stored: tree{"a.iso": {data: old, mtime: stamp}},
			local:  tree{"want.iso": {data: old}},
			script: `mv $mnt/a.iso .; cmp want.iso a.iso; test "$(stat -c %Y a.iso)" = 1330837567`,
		},
		{
			tool:   "mv of a tree out",
			stored: files.under("tree"),
			local:  files.under("want"),
			script: `mv $mnt/tree .; diff -r want tree`,
		},
		{
			tool:   "mv within",
			stored: tree{"a.iso": {data: old, mtime: stamp, note: "x"}},
			script: `mv $mnt/a.iso $mnt/b.iso`,
			want:   tree{"b.iso": {data: old, mtime: stamp, note: "x", was: "a.iso"}},
		},
		{
			tool:   "mv into a directory",
			stored: tree{"a.iso": {data: old}},
			script: `mkdir $mnt/deb; mv $mnt/a.iso $mnt/deb`,
			want:   tree{"deb/a.iso": {data: old, was: "a.iso"}},
		},
		{
			tool:   "mv over",
			stored: tree{"a.iso": {data: fresh, note: "x"}, "b.iso": {data: old, private: true}},
			script: `mv -f $mnt/a.iso $mnt/b.iso`,
			want:   tree{"b.iso": {data: fresh, note: "x", was: "a.iso"}},
		},
		{
			tool:   "mv -n over",
			stored: tree{"a.iso": {data: fresh}, "b.iso": {data: old}},
			script: `mv -n $mnt/a.iso $mnt/b.iso || true`,
			want:   tree{"a.iso": {data: fresh, was: "a.iso"}, "b.iso": {data: old, was: "b.iso"}},
		},
		{
			tool:   "mv of what was just copied",
			stored: tree{"b.iso": {data: old}},
			local:  tree{"a.iso": {data: fresh}},
			script: `cp a.iso $mnt; mv $mnt/a.iso $mnt/b.iso`,
			want:   tree{"b.iso": {data: fresh}},
		},
		{
			tool:   "mv of a directory",
			stored: files.under("tree"),
			script: `mv $mnt/tree $mnt/moved`,
			want:   files.movedFrom("tree").under("moved"),
		},
		{
			tool:   "rm -r",
			stored: files.under("tree").and(tree{"a.iso": {data: old}}),
			script: `rm -r $mnt/tree`,
			want:   tree{"a.iso": {data: old, was: "a.iso"}},
		},
	})
}

func TestInterruptedCopyOfALargeFileLeavesNothingOnBothServers(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.img")
	tool(t, "truncate", "-s", "1G", large)
	withBothServers(t, func(t *testing.T, s *server) {
		p := startProxy(t, s)
		e := &env{server: s, spool: newSpool(t)}
		e.mount = startMount(t, p.url, append(spoolFlags(e.spool), "--timeout", "60s")...)
		e.mount.allowLog(`level=(WARN|ERROR) .*interrupted`)
		names(t, e.mount.dir)
		interrupt := func(f fault, source string) {
			t.Helper()
			p.setFault(uploads(f))
			wantInterruptible(t, "cp", "--sparse=never", source, e.mount.dir)
			p.setFault(nil)
			e.settled(t, nil, true)
		}
		interrupt(fault{}, large)
		interrupt(fault{stall: true}, large)                                         // blocks in a write
		interrupt(fault{stall: true}, newFile(t, "small.img", random(520, 100_000))) // blocks in its close
		data := random(521, 64<<10)
		tool(t, "cp", newFile(t, "a.img", data), e.mount.dir)
		e.settled(t, tree{"a.img": {data: data}}, false)
	})
}
