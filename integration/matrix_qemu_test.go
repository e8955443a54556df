//go:build linux

package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMatrixOfQemuImg(t *testing.T) {
	disk := slices.Concat(random(660, 1<<20), make([]byte, 1<<20), random(661, 512<<10), make([]byte, 1536<<10))
	local := tree{"disk": {data: disk}}
	runMatrix(t, []cell{
		{
			tool:   "qemu-img convert to raw",
			local:  local,
			script: `qemu-img convert -f raw -O raw disk $mnt/a.raw; cmp disk $mnt/a.raw`,
			want:   tree{"a.raw": {data: disk}},
		},
		{
			tool:   "qemu-img convert to raw over",
			stored: tree{"a.raw": {data: random(662, 5<<20)}},
			local:  local,
			script: `qemu-img convert -f raw -O raw disk $mnt/a.raw`,
			want:   tree{"a.raw": {data: disk}},
		},
		{
			tool:   "qemu-img convert -t none to raw",
			local:  local,
			script: `qemu-img convert -t none -T none -f raw -O raw disk $mnt/a.raw`,
			want:   tree{"a.raw": {data: disk}},
		},
		convertTo("qcow2", "qcow2", local, disk),
		convertTo("vmdk", "vmdk", local, disk),
		convertTo("vdi", "vdi", local, disk),
		convertTo("vpc -o force_size=on", "vhd", local, disk),
		{
			tool:   "qemu-img convert -c -W",
			local:  local,
			script: `qemu-img convert -c -W -m 8 -f raw -O qcow2 disk $mnt/a.qcow2; qemu-img check -q $mnt/a.qcow2`,
			want:   tree{"a.qcow2": {judge: wantDisk("qcow2")}},
		},
		{
			tool:   "qemu-img create",
			script: `qemu-img create -q -f qcow2 $mnt/a.qcow2 4M; qemu-img check -q $mnt/a.qcow2; truncate -s 4M disk`,
			want:   tree{"a.qcow2": {judge: wantDisk("qcow2")}},
		},
		{
			tool:   "qemu-img resize of raw",
			stored: tree{"a.raw": {data: disk}},
			script: `qemu-img resize -q -f raw $mnt/a.raw 6M`,
			want:   tree{"a.raw": {data: slices.Concat(disk, make([]byte, 2<<20))}},
		},
		{
			tool:  "qemu-img resize of qcow2",
			local: local,
			script: `qemu-img convert -f raw -O qcow2 disk a.qcow2; cp a.qcow2 $mnt
				qemu-img resize -q $mnt/a.qcow2 6M; qemu-img check -q $mnt/a.qcow2; truncate -s 6M disk`,
			want: tree{"a.qcow2": {judge: wantDisk("qcow2")}},
		},
		{
			tool:  "qemu-img snapshot",
			local: local,
			script: `qemu-img convert -f raw -O qcow2 disk a.qcow2; cp a.qcow2 $mnt
				qemu-img snapshot -c before $mnt/a.qcow2; qemu-img check -q $mnt/a.qcow2`,
			want: tree{"a.qcow2": {judge: wantSnapshot}},
		},
	})
}

// convertTo is a cell that converts a raw disk to a format, in the mount, and back.
func convertTo(format, extension string, local tree, disk []byte) cell {
	short, _, _ := strings.Cut(format, " ")
	name := "a." + extension
	script := `qemu-img convert -f raw -O ` + format + ` disk $mnt/` + name + `
		qemu-img compare -q -f raw -F ` + short + ` disk $mnt/` + name + `
		qemu-img convert -f ` + short + ` -O raw $mnt/` + name + ` $mnt/back.raw`
	if short != "vpc" { // which has nothing to check
		script += `; qemu-img check -q -f ` + short + ` $mnt/` + name
	}
	return cell{
		tool:   "qemu-img convert to " + short + " and back",
		local:  local,
		script: script,
		want:   tree{name: {judge: wantDisk(short)}, "back.raw": {data: disk}},
	}
}

// wantDisk returns a judge that demands that an image holds the local raw disk.
func wantDisk(format string) func(*testing.T, *env, string) {
	return func(t *testing.T, e *env, path string) {
		raw := filepath.Join(t.TempDir(), "raw")
		tool(t, "qemu-img", "convert", "-f", format, "-O", "raw", path, raw)
		tool(t, "cmp", filepath.Join(e.local, "disk"), raw)
		if format != "vpc" {
			tool(t, "qemu-img", "check", "-f", format, path)
		}
	}
}

func wantSnapshot(t *testing.T, e *env, path string) {
	wantDisk("qcow2")(t, e, path)
	if list := tool(t, "qemu-img", "snapshot", "-l", path); !strings.Contains(list, "before") {
		t.Errorf("the snapshot is not there: %s", list)
	}
}
