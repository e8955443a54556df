package spool

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const dirEnv = "VISORFS_SPOOL_TEST_DIR"

// TestMain lets a test run this binary again, as a process to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled has one file of each kind when it says so.
func writeUntilKilled(dir string) {
	d, err := Open(Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	for name, n := range map[string]int{"dir/left ü.img": 5000, "empty": 0, "stored": 100, "gone": 100, "changed again": 200} {
		f, err := d.Create(name)
		if err != nil {
			panic(err)
		}
		if _, err := f.WriteAt(someBytes(1, n), 10); err != nil {
			panic(err)
		}
		switch name {
		case "stored":
			f.Stored()
		case "gone":
			_ = f.Unlink()
		case "changed again":
			f.Stored()
			_ = f.Zero(50, 60)
		}
	}
	fmt.Println("written")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestWhatAKilledProcessLeftIsFound(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), dirEnv+"="+dir), os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	beside := mustOpen(t, Options{Dir: dir})
	wantNames(t, beside.lostPath)
	must(t, beside.Close())
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()

	log := new(logBuffer)
	d := mustOpen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(log, nil))})
	wantNames(t, dir, lostAndFound)
	lost, err := filepath.Glob(filepath.Join(d.lostPath, "left ü.img.*.1"))
	if err != nil || len(lost) != 1 {
		t.Fatalf("lost+found: %q, %v", lost, err)
	}
	wantFile(t, lost[0], append(make([]byte, 10), someBytes(1, 5000)...))
	for _, want := range []string{`image="dir/left ü.img"`, lost[0], `image="changed again"`, "files=2"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log doesn't say %s: %s", want, log)
		}
	}
	if strings.Count(log.String(), "level=INFO") != 3 || d.lost < 5000 {
		t.Errorf("%d bytes of lost+found are counted; log: %s", d.lost, log)
	}
}

func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	one := mustOpen(t, Options{Dir: dir})
	f := mustCreate(t, one, "x")
	mustWrite(t, f, someBytes(1, 100), 0)
	must(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("mine"), 0o600))
	two := mustOpen(t, Options{Dir: dir})
	g := mustCreate(t, two, "x")
	mustWrite(t, g, someBytes(2, 100), 0)
	wantNames(t, two.lostPath)
	must(t, two.Close())
	lost, err := filepath.Glob(filepath.Join(dir, lostAndFound, "x.*"))
	if err != nil || len(lost) != 1 {
		t.Fatalf("lost+found: %q, %v", lost, err)
	}
	wantFile(t, lost[0], someBytes(2, 100))
	wantBytes(t, f, someBytes(1, 100), 0)
	must(t, f.Close())
	wantNames(t, dir, lostAndFound, "notes")
}

func TestLostFilesHaveTheirLengthAndReadableNames(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	b := someBytes(1, 3000)
	name := regexp.MustCompile(`/lost\+found/b\.img\.\d{8}-\d{6}\.\d+$`)
	seen := make(map[string]bool)
	for _, size := range []int64{10000, 3000, 2500} {
		for _, how := range []string{"linked", "unlinked", "removed"} {
			f := mustCreate(t, d, "a/b.img")
			mustWrite(t, f, b, 100)
			switch how {
			case "unlinked":
				must(t, f.Unlink())
			case "removed":
				must(t, os.Remove(f.path))
			}
			path, err := f.Lose(size)
			if err != nil || seen[path] || !name.MatchString(path) {
				t.Errorf("%s: %s, %v", how, path, err)
			}
			seen[path] = true
			want := append(make([]byte, 100), b...)
			wantFile(t, path, append(want, make([]byte, 10000)...)[:size])
		}
	}
	wantRoom(t, d, 0)
}

func TestFileThatCantBeMovedStaysWhereItIs(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d := mustOpen(t, Options{Dir: dir})
	f := mustCreate(t, d, "x")
	mustWrite(t, f, someBytes(1, 100), 0)
	must(t, os.Remove(d.lostPath))
	must(t, os.WriteFile(d.lostPath, nil, 0o600)) // in the way
	path, err := f.Lose(100)
	if err == nil || path != f.path {
		t.Errorf("%s, %v", path, err)
	}
	wantFile(t, f.path, someBytes(1, 100))
	must(t, os.Remove(d.lostPath))
	again := mustOpen(t, Options{Dir: dir})
	if lost, _ := filepath.Glob(filepath.Join(again.lostPath, "x.*")); len(lost) != 1 {
		t.Errorf("lost+found: %q", lost)
	}
}
