package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lastWords follow what a command shows.
const lastWords = "\x00end\x00"

// terminal is a pseudo-terminal with a command on it and the test in the user's place.
type terminal struct {
	slave *os.File // the command's

	master *os.File
	done   chan struct{}
	mu     sync.Mutex
	shown  strings.Builder
}

func newTerminal(t *testing.T, columns int) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	number := openSlave(t, master, columns)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{slave: slave, master: master, done: make(chan struct{})}
	go term.watch()
	return term
}

// openSlave unlocks the other end, and returns its number. It goes without master.Fd,
// after which a Read could not be ended by Close.
func openSlave(t *testing.T, master *os.File, columns int) (number int) {
	t.Helper()
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Control(func(fd uintptr) {
		size := &unix.Winsize{Row: 24, Col: uint16(columns)}
		var errs [3]error
		number, errs[0] = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		errs[1] = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		errs[2] = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size)
		if err := errors.Join(errs[:]...); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func (term *terminal) watch() {
	defer close(term.done)
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.shown.Write(buf[:n])
		term.mu.Unlock()
		if err != nil {
			return // closed
		}
	}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.shown.String()
}

// image runs a command on the terminal. When it has shown the question, the answer is typed.
func (term *terminal) image(r *repository, question, answer string, args ...string) (string, error) {
	if question != "" {
		go func() {
			for !strings.Contains(term.text(), question) {
				select {
				case <-term.done:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
			_, _ = term.master.WriteString(answer)
		}()
	}
	root := newRoot()
	root.SetIn(term.slave)
	root.SetOut(term.slave)
	root.SetErr(term.slave)
	root.SetArgs(r.command(args))
	err := root.ExecuteContext(r.t.Context())
	_, _ = term.slave.WriteString(lastWords)
	for !strings.HasSuffix(term.text(), lastWords) {
		time.Sleep(5 * time.Millisecond)
	}
	_ = term.master.Close() // hangs up on whoever still reads
	<-term.done
	_ = term.slave.Close()
	return strings.TrimSuffix(term.text(), lastWords), err
}

func TestListFitsTheTerminal(t *testing.T) {
	r := newRepository(t)
	r.add(strings.Repeat("long ", 40)+"name.iso", "data")
	shown, err := newTerminal(t, 80).image(r, "", "", "list")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(shown), "\r\n") {
		if len([]rune(line)) > 80 {
			t.Errorf("a line is too long: %q", line)
		}
	}
	if !strings.Contains(shown, ellipsis) {
		t.Errorf("nothing is cut: %q", shown)
	}
}

func TestDeleteByQueryAsksAPerson(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "data")
	r.add("b.iso", "data")
	const question = "Delete these 2 images? [y/N] "
	for _, no := range []string{"n\n", "\n", "yellow\n", "\x04"} {
		shown, err := newTerminal(t, 100).image(r, question, no, "delete", "--query", "size=4")
		if err != nil || !strings.Contains(shown, "a.iso") || !strings.Contains(shown, "b.iso") || strings.Contains(shown, "deleted") {
			t.Errorf("%q is not taken for no: %v, %q", no, err, shown)
		}
	}
	if n := r.count(http.MethodDelete); n != 0 {
		t.Fatalf("%d requests to delete were sent without a yes", n)
	}
	shown, err := newTerminal(t, 100).image(r, question, "y\n", "delete", "--query", "size=4")
	if err != nil || strings.Count(shown, "deleted ") != 2 {
		t.Errorf("%v, %q", err, shown)
	}
}

// slowly takes a while over a file, so that there is something to watch.
func slowly(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) { next.ServeHTTP(&slowReply{w}, req) }
}

type slowReply struct{ http.ResponseWriter }

func (s *slowReply) Write(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond) // per 32 KiB
	return s.ResponseWriter.Write(p)
}

func TestGetShowsItsProgressOnATerminal(t *testing.T) {
	r := newRepository(t)
	img := r.add("a\u009b31m.iso", randomData(3<<20))
	r.answerWith(slowly)
	shown, err := newTerminal(t, 100).image(r, "", "", "get", string(img.ID), "x\x1b.iso")
	if err != nil || !strings.Contains(shown, "/ 3.0 MiB") || !strings.Contains(shown, "iB/s") || !strings.Contains(shown, "[=") {
		t.Errorf("%v, %q", err, shown)
	}
	if strings.Contains(shown, "x\x1b") || strings.Contains(shown, "\u009b") {
		t.Errorf("names are shown raw: %q", shown)
	}
	shown, err = newTerminal(t, 100).image(r, "", "", "get", "--quiet", string(img.ID), "y.iso")
	if err != nil || shown != "" {
		t.Errorf("%v, %q", err, shown)
	}
}

func TestProgressOfAnUploadBeginsAgainWithIt(t *testing.T) {
	r := newRepository(t)
	file := writeFile(t, "a.iso", randomData(8<<20))
	r.answerWith(func(next http.Handler) http.HandlerFunc {
		var broke atomic.Bool
		return func(w http.ResponseWriter, req *http.Request) {
			for range 3 * 16 { // of 128 KiB: three quarters
				if req.Method == http.MethodPost && !broke.Load() {
					_, _ = io.CopyN(io.Discard, req.Body, 128<<10)
					time.Sleep(10 * time.Millisecond)
				}
			}
			if req.Method == http.MethodPost && !broke.Swap(true) {
				panic(http.ErrAbortHandler)
			}
			req.Body = &slowBody{req.Body}
			next.ServeHTTP(w, req)
		}
	})
	shown, err := newTerminal(t, 100).image(r, "", "", "add", file)
	if err != nil {
		t.Fatal(err)
	}
	var fell bool
	var last float64
	for _, step := range regexp.MustCompile(`([0-9.]+) MiB / 8.0 MiB`).FindAllStringSubmatch(shown, -1) {
		now, _ := strconv.ParseFloat(step[1], 64)
		fell = fell || now < last
		last = now
		if now > 8 {
			t.Errorf("%v MiB of 8 are shown", now)
		}
	}
	if !fell {
		t.Errorf("the progress never went back: %q", shown)
	}
}

// slowBody takes more than a second for the 8 MiB of the test, so that its start is shown.
type slowBody struct{ io.ReadCloser }

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return b.ReadCloser.Read(p[:min(len(p), 64<<10)])
}

func TestGetWritesNoImageToATerminal(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "data")
	shown, err := newTerminal(t, 100).image(r, "", "", "get", string(img.ID), "-")
	if o := (outcome{err: err}); o.code() != exitUsage || shown != "" {
		t.Errorf("%v, %q", err, shown)
	}
}
