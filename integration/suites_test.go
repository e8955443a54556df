//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stressors are those of stress-ng that make sense on a repository of images, with what
// keeps them small. docs/conformance.md tells what each does.
var stressors = [][]string{
	{"--hdd", "1", "--hdd-bytes", "1m"},
	{"--copy-file", "1", "--copy-file-bytes", "128m"},
	{"--fallocate", "1", "--fallocate-bytes", "1m"},
	{"--sync-file", "1", "--sync-file-bytes", "1m"},
	{"--iomix", "1", "--iomix-bytes", "1m"},
	{"--readahead", "1", "--readahead-bytes", "1m"},
	{"--mmap", "1", "--mmap-file", "--mmap-bytes", "1m"},
	{"--seek", "1", "--seek-size", "1m"},
	{"--filename", "1"},
	{"--rename", "1"},
	{"--dentry", "1", "--dentries", "20"},
	{"--dir", "1", "--dir-dirs", "64"},
	{"--utime", "1"},
	{"--chmod", "1"},
	{"--fstat", "1"},
	{"--flock", "1"},
}

// stressorsByDesign are others that fail, and why.
var stressorsByDesign = map[string]string{
	"--access": "it wants the modes that it sets; a file is public (0644) or private (0600)",
}

// stress runs a stressor of stress-ng for a second, or for as many as VISORFS_STRESS says.
func stress(t *testing.T, m *mount, args []string) result {
	t.Helper()
	seconds, _ := number(t, "VISORFS_STRESS", 1)
	args = append([]string{"--verify", "--timeout", fmt.Sprint(seconds, "s"), "--temp-path", m.dir}, args...)
	return try(t, "stress-ng", args...)
}

func TestStressorsFindNothingWrong(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=WARN msg="create: Invalid name`)                 // filename tries all bytes
	m.allowLog(`level=WARN .*errno="(file name too long|interrupted)`) // dir goes down until that
	for _, args := range stressors {
		if r := stress(t, m, args); r.code != 0 || strings.Contains(r.stdout+r.stderr, "fail:") {
			t.Errorf("%s: exit code %d: %s%s", args[0], r.code, r.stdout, r.stderr)
		}
		for _, img := range s.images() {
			t.Errorf("%s left %v", args[0], img)
		}
		tool(t, "find", m.dir, "-mindepth", "1", "-delete") // empty directories
	}
}

func TestStressorsThatFailByDesignFailStill(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	m.allowLog(`level=WARN`)
	for name, why := range stressorsByDesign {
		if r := stress(t, m, []string{name, "1"}); r.code == 0 {
			t.Errorf("%s passes; it could not because %s", name, why)
		}
	}
}

// What fio writes it reads back, and compares by a checksum in each block.
func TestFioReadsBackWhatItWrote(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--memory", "4MiB")
	for name, job := range map[string][]string{
		"sequential":         {"--rw=write"},
		"random":             {"--rw=randwrite"},
		"random, odd blocks": {"--rw=randwrite", "--bsrange=512-64k", "--bs_unaligned"},
		"mmap":               {"--rw=randwrite", "--ioengine=mmap"},
		"direct":             {"--rw=randwrite", "--direct=1"},
		"many at once":       {"--rw=randwrite", "--numjobs=4"},
		"with fsync":         {"--rw=randwrite", "--fsync=100"},
	} {
		dir := m.path(strings.ReplaceAll(name, " ", "-"))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"--name=job", "--directory=" + dir, "--size=4m", "--bs=16k", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--verify_state_save=0",
			"--fallocate=none", "--end_fsync=1", "--eta=never", "--output-format=terse"}, job...)
		tool(t, "fio", args...)
		for _, img := range s.images() {
			if img.text("status") != "available" || img["size"] != float64(4<<20) {
				t.Errorf("%s: the server has %v", name, img)
			}
			want, err := os.ReadFile(m.path(img.text("name")))
			if err != nil {
				t.Fatal(err)
			}
			s.wantStored(img.text("name"), want)
		}
		files, err := filepath.Glob(dir + "/*")
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %v, %v", name, files, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}
