//go:build linux

package integration

import (
	"bytes"
	"slices"
	"testing"
)

func TestMatrixOfTheShell(t *testing.T) {
	fresh, old := random(600, 1<<20), random(601, 1536<<10)
	text := []byte("one\ntwo\nthree\n")
	edited := []byte("one\n2\nthree\n")
	runMatrix(t, []cell{
		{
			tool:   "> a new file",
			local:  tree{"a.img": {data: fresh}},
			script: `cat a.img > $mnt/a.img`,
			want:   tree{"a.img": {data: fresh}},
		},
		{
			tool:   "> a stored file",
			stored: tree{"a.img": {data: old, note: "x"}},
			local:  tree{"a.img": {data: fresh}},
			script: `cat a.img > $mnt/a.img`,
			want:   tree{"a.img": {data: fresh, note: "x"}},
		},
		{
			tool:   ">> a new file",
			script: `{ echo one; echo two; echo three; } >> $mnt/a.txt`,
			want:   tree{"a.txt": {data: text}},
		},
		{
			tool:   ">> a stored file",
			stored: tree{"a.img": {data: old, note: "x"}},
			local:  tree{"a.img": {data: fresh}},
			script: `cat a.img >> $mnt/a.img`,
			want:   tree{"a.img": {data: slices.Concat(old, fresh), note: "x"}},
		},
		{
			tool:   ">> line by line",
			script: `for line in one two three; do echo $line >> $mnt/a.txt; done`,
			want:   tree{"a.txt": {data: text}},
		},
		{
			tool:   "tee",
			local:  tree{"a.img": {data: fresh}},
			script: `tee $mnt/a.img $mnt/b.img < a.img > /dev/null`,
			want:   tree{"a.img": {data: fresh}, "b.img": {data: fresh}},
		},
		{
			tool:   "tee -a",
			stored: tree{"a.img": {data: old}},
			local:  tree{"a.img": {data: fresh}},
			script: `tee -a $mnt/a.img < a.img > /dev/null`,
			want:   tree{"a.img": {data: slices.Concat(old, fresh)}},
		},
		{
			tool:   "open descriptor",
			script: `exec 3>$mnt/a.txt; echo one >&3; (echo two >&3); echo three >&3; exec 3>&-`,
			want:   tree{"a.txt": {data: text}},
		},
		{
			tool:   "open descriptor of several programs",
			script: `exec 3>$mnt/a.txt; /bin/echo one >&3; /bin/echo two >&3; /bin/echo three >&3; exec 3>&-`,
			want:   tree{"a.txt": {data: text}},
		},
		{
			tool:   "open descriptor that is read back",
			script: `exec 3<>$mnt/a.txt; echo one >&3; test "$(cat $mnt/a.txt)" = one; echo two >&3; echo three >&3; exec 3>&-`,
			want:   tree{"a.txt": {data: text}},
		},
		{
			tool:   "sed -i",
			stored: tree{"a.txt": {data: text}},
			script: `sed -i s/two/2/ $mnt/a.txt`,
			want:   tree{"a.txt": {data: edited}},
		},
		{
			tool:   "save by rename",
			stored: tree{"a.txt": {data: text}},
			script: `sed s/two/2/ $mnt/a.txt > $mnt/.a.txt.tmp; mv -f $mnt/.a.txt.tmp $mnt/a.txt`,
			want:   tree{"a.txt": {data: edited}},
		},
		{
			tool:   "save with a backup", // as vim does
			stored: tree{"a.txt": {data: text}},
			script: `mv $mnt/a.txt $mnt/a.txt~; sed s/two/2/ $mnt/a.txt~ > $mnt/a.txt; rm $mnt/a.txt~`,
			want:   tree{"a.txt": {data: edited}},
		},
	})
}

func TestMatrixOfDD(t *testing.T) {
	fresh, old := random(610, 1<<20), random(611, 1536<<10)
	middle := bytes.Clone(old)
	copy(middle[400<<10:], fresh[:128<<10])
	runMatrix(t, []cell{
		{
			tool:   "dd conv=fsync",
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=64k conv=fsync status=none`,
			want:   tree{"a.img": {data: fresh}},
		},
		{
			tool:   "dd conv=notrunc in the middle",
			stored: tree{"a.img": {data: old, note: "x"}},
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=4k count=32 seek=100 conv=notrunc status=none`,
			want:   tree{"a.img": {data: middle, note: "x"}},
		},
		{
			tool:   "dd conv=notrunc over the end",
			stored: tree{"a.img": {data: old}},
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=64k seek=20 conv=notrunc,fsync status=none`,
			want:   tree{"a.img": {data: slices.Concat(old[:20*64<<10], fresh)}},
		},
		{
			tool:   "dd seek=",
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=64k seek=5 status=none`,
			want:   tree{"a.img": {data: slices.Concat(make([]byte, 5*64<<10), fresh)}},
		},
		{
			tool:   "dd seek= in a stored file", // what lies before it stays, the rest goes
			stored: tree{"a.img": {data: old}},
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=64k count=2 seek=5 status=none`,
			want:   tree{"a.img": {data: slices.Concat(old[:5*64<<10], fresh[:2*64<<10])}},
		},
		{
			tool:   "dd oflag=direct",
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=256k oflag=direct status=none`,
			want:   tree{"a.img": {data: fresh}},
		},
		{
			tool:   "dd oflag=direct conv=notrunc in the middle",
			stored: tree{"a.img": {data: old}},
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=4k count=32 seek=100 oflag=direct conv=notrunc status=none`,
			want:   tree{"a.img": {data: middle}},
		},
		{
			tool:   "dd oflag=append",
			stored: tree{"a.img": {data: old}},
			local:  tree{"a.img": {data: fresh}},
			script: `dd if=a.img of=$mnt/a.img bs=64k oflag=append conv=notrunc status=none`,
			want:   tree{"a.img": {data: slices.Concat(old, fresh)}},
		},
		{
			tool:   "dd conv=sparse",
			local:  tree{"a.img": {data: slices.Concat(fresh, make([]byte, 1<<20))}},
			script: `dd if=a.img of=$mnt/a.img bs=64k conv=sparse status=none`,
			want:   tree{"a.img": {data: slices.Concat(fresh, make([]byte, 1<<20))}},
		},
	})
}

func TestMatrixOfTar(t *testing.T) {
	files := dated(620)
	runMatrix(t, []cell{
		{
			tool:   "tar x of files",
			local:  tree{"a.iso": {data: random(623, 512<<10), mtime: stamp}, "b": {data: random(624, 64<<10), mtime: stamp, private: true}},
			script: `tar c a.iso b | tar x -p -C $mnt`,
			want:   tree{"a.iso": {data: random(623, 512<<10), mtime: stamp}, "b": {data: random(624, 64<<10), mtime: stamp, private: true}},
		},
		{
			tool:   "tar x of a tree",
			local:  files.under("tree"),
			script: `tar c tree | tar x -p -C $mnt`,
			want:   files.under("tree"),
		},
		{
			tool:   "tar x over",
			stored: tree{"tree/a.iso": {data: random(625, 1<<20)}},
			local:  files.under("tree"),
			script: `tar c tree | tar x -p -C $mnt`,
			want:   files.under("tree"),
		},
		{
			tool:   "tar x --sparse",
			local:  tree{"a.img": {data: slices.Concat(make([]byte, 1<<20), random(626, 64<<10), make([]byte, 1<<20))}},
			script: `cp --sparse=always a.img b.img; tar c -S b.img | tar x -C $mnt`,
			want:   tree{"b.img": {data: slices.Concat(make([]byte, 1<<20), random(626, 64<<10), make([]byte, 1<<20))}},
		},
		{
			tool:   "tar c of a tree",
			stored: files.under("tree"),
			local:  files.under("tree"),
			script: `tar c -C $mnt tree > a.tar; mkdir out; tar x -p -C out -f a.tar; diff -r tree out/tree; test -z "$(rsync -ai --omit-dir-times tree out)"`,
			want:   files.under("tree"),
		},
		{
			tool:   "tar cf into the mount",
			local:  files.under("tree"),
			script: `tar cf $mnt/a.tar tree`,
			want:   tree{"a.tar": {judge: wantTar}},
		},
	})
}

// wantTar demands that an archive holds the tree of the local directory.
func wantTar(t *testing.T, e *env, path string) {
	dir := t.TempDir()
	tool(t, "tar", "xf", path, "-C", dir)
	tool(t, "diff", "-r", e.local+"/tree", dir+"/tree")
}
