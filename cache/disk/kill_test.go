package disk

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	roleEnv    = "VISORFS_DISK_TEST_ROLE"
	dirEnv     = "VISORFS_DISK_TEST_DIR"
	killedSize = 40*ChunkBytes + 123
)

// TestMain lets a test run this binary again, as a process to be killed or limited.
func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "writer":
		writeUntilKilled()
	case "limited":
		writeLimited()
	default:
		os.Exit(m.Run())
	}
}

func again(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role, dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeUntilKilled writes pages at random, tells of each that is written, and before it
// drops an object.
func writeUntilKilled() {
	s, err := Open(Options{Dir: os.Getenv(dirEnv)})
	if err != nil {
		panic(err)
	}
	var objects [3][]byte
	for seed := range objects {
		objects[seed] = sparseBytes(uint64(seed), killedSize)
	}
	for {
		for seed, b := range objects {
			o, err := s.Object(fmt.Sprint("k", seed), killedSize)
			if err != nil {
				panic(err)
			}
			page := rand.Int64N(o.pages)
			off := page * PageBytes
			n := min(PageBytes*(1+rand.Int64N(40)), killedSize-off)
			o.WriteAt(b[off:off+n], off)
			fmt.Println(seed, off, n)
			if rand.IntN(20) == 0 {
				fmt.Println(seed, -1, 0)
				o.Drop()
			}
			if rand.IntN(3) == 0 {
				o.Close()
			}
		}
	}
}

func TestWhatWasWrittenSurvivesKill(t *testing.T) {
	dir := newDir(t)
	acknowledged := [3]map[int64]int64{}
	for seed := range acknowledged {
		acknowledged[seed] = map[int64]int64{}
	}
	pages := int64(0)
	for range 8 {
		cmd := again(t, "writer", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + rand.IntN(300)
		lines := bufio.NewScanner(out)
		for ; lines.Scan(); left-- {
			if left == 0 {
				time.AfterFunc(time.Duration(rand.IntN(1000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
			note(t, lines.Text(), acknowledged[:])
		}
		_ = cmd.Wait()
		pages += survived(t, dir, acknowledged[:])
	}
	if pages == 0 {
		t.Error("nothing survived")
	}
}

func note(t *testing.T, line string, acknowledged []map[int64]int64) {
	var f [3]int64
	for k, s := range strings.Fields(line) {
		f[k], _ = strconv.ParseInt(s, 10, 64)
	}
	if f[1] < 0 {
		clear(acknowledged[f[0]])
		return
	}
	acknowledged[f[0]][f[1]] = max(f[2], acknowledged[f[0]][f[1]])
}

func survived(t *testing.T, dir string, acknowledged []map[int64]int64) (pages int64) {
	s := mustOpen(t, Options{Dir: dir})
	defer mustClose(t, s)
	for seed := range uint64(3) {
		o, b := mustObject(t, s, fmt.Sprint("k", seed), killedSize), sparseBytes(seed, killedSize)
		o.Check(t.Context())
		for off, n := range acknowledged[seed] {
			if p := make([]byte, n); !o.ReadAt(p, off) || !bytes.Equal(p, b[off:off+n]) {
				t.Fatalf("k%d: %d bytes at %d are lost", seed, n, off)
			}
		}
		pages += o.present.Load()
		o.Close()
	}
	audit(t, s)
	if got := s.Stats(); got.Discarded != 0 {
		t.Errorf("after a kill: %+v", got)
	}
	return pages
}
