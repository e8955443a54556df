//go:build linux

package integration

import "testing"

func TestMatrixOfToolsThatMakeFilesystems(t *testing.T) {
	files := undated(670).under("tree")
	runMatrix(t, []cell{
		{
			tool:   "genisoimage",
			local:  files,
			script: `genisoimage -quiet -R -J -V matrix -o $mnt/a.iso tree; isoinfo -d -i $mnt/a.iso | grep -q matrix`,
			want:   tree{"a.iso": {judge: wantArchive}},
		},
		{
			tool:   "mksquashfs",
			local:  files,
			script: `mksquashfs tree $mnt/a.squashfs -quiet -no-progress -keep-as-directory`,
			want:   tree{"a.squashfs": {judge: wantSquashfs}},
		},
	})
}

func TestMatrixOfExt4(t *testing.T) {
	needRoot(t)
	files := undated(673).under("tree")
	runMatrix(t, []cell{
		{
			tool:   "mkfs.ext4",
			script: `truncate -s 32M $mnt/a.img; mkfs.ext4 -q $mnt/a.img; fsck.ext4 -fn $mnt/a.img; mkdir tree`,
			want:   tree{"a.img": {judge: wantExt4}},
		},
		{
			tool:  "mkfs.ext4 and mount -o loop",
			local: files,
			script: `truncate -s 32M $mnt/a.img; mkfs.ext4 -q $mnt/a.img; mkdir at; mount -o loop $mnt/a.img at
				trap 'umount at' EXIT; cp -r tree/* at; diff -r -x lost+found tree at; rm at/a.iso; cp tree/a.iso at
				umount at; trap - EXIT; fsck.ext4 -fn $mnt/a.img`,
			want: tree{"a.img": {judge: wantExt4}},
			late: true,
		},
	})
}

// wantArchive demands that an ISO holds the tree of the local directory.
func wantArchive(t *testing.T, e *env, path string) {
	dir := t.TempDir()
	tool(t, "bsdtar", "-xf", path, "-C", dir)
	tool(t, "chmod", "-R", "u+w", dir) // for the end of the test, which removes it
	tool(t, "diff", "-r", e.local+"/tree", dir)
}

// wantSquashfs demands that a filesystem holds the local directory's tree, by that name.
func wantSquashfs(t *testing.T, e *env, path string) {
	dir := t.TempDir() + "/out"
	tool(t, "unsquashfs", "-no-progress", "-d", dir, path)
	tool(t, "diff", "-r", e.local+"/tree", dir+"/tree")
}

// wantExt4 demands that a filesystem is clean, and holds the tree of the local directory.
func wantExt4(t *testing.T, e *env, path string) {
	tool(t, "fsck.ext4", "-fn", path)
	dir := newMountpoint(t)
	tool(t, "mount", "-o", "loop,ro,noload", path, dir)
	defer tool(t, "umount", dir)
	tool(t, "diff", "-r", "-x", "lost+found", e.local+"/tree", dir)
}
