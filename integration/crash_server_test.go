//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestServerKilledAtAnyMomentKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	withKills(t, func(t *testing.T, seed uint64, kills int) {
		w := newKilledServer(t, startServer(t), seed)
		w.runRounds(kills, seed)
	})
}

// What the disk was not asked to keep is lost.
func TestServerThatLosesPowerAtAnyMomentKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	withKills(t, func(t *testing.T, seed uint64, kills int) {
		disk := newFailingDisk(t, "160M")
		s := &server{t: t, data: filepath.Join(disk.dir, "data")}
		s.start("127.0.0.1:0")
		w := newKilledServer(t, s, seed)
		w.crash = func() {
			w.s.allowLog(`level=(WARN|ERROR)`)
			disk.breaks()
			time.Sleep(time.Duration(w.rng.Int64N(int64(20 * time.Millisecond)))) // for a few answers more
		}
		w.repair = disk.heal
		w.runRounds(kills, seed)
		w.s.stop() // before its disk goes
	})
}

// killedServer is a server that is killed, and started again with its data.
type killedServer struct {
	t      *testing.T
	s      *server
	rng    *rand.Rand
	crash  func() // comes before the kill; nil for nothing
	repair func() // comes after it; nil for nothing
	killed atomic.Bool
	hands  []*hand
	ids    []map[string]string // of each hand's images, by name

	underWay, done, left int // counted over all kills
}

func newKilledServer(t *testing.T, s *server, seed uint64) *killedServer {
	t.Helper()
	w := &killedServer{t: t, s: s, rng: rand.New(rand.NewPCG(seed, 0))}
	for i := range 6 {
		w.hands = append(w.hands, newHand(rand.New(rand.NewPCG(seed, uint64(i+1))), i, 3, &w.killed))
		w.ids = append(w.ids, make(map[string]string))
	}
	return w
}

func (w *killedServer) runRounds(kills int, seed uint64) {
	w.t.Helper()
	for i := range kills {
		if w.round(); w.t.Failed() {
			w.t.Logf("after kill %d of seed %d", i+1, seed)
			return
		}
	}
	w.t.Logf("%d requests were under way, %d of them done; %d files were left", w.underWay, w.done, w.left)
}

// round works with the server until it is killed, starts it again, perhaps more than once,
// and compares what it has with what was acknowledged.
func (w *killedServer) round() {
	w.t.Helper()
	w.killed.Store(false)
	var all sync.WaitGroup
	for i, h := range w.hands {
		all.Go(func() {
			if err := h.work(func() error { return w.change(h, w.ids[i]) }); err != nil {
				w.t.Error(err)
				w.killed.Store(true)
			}
		})
	}
	time.Sleep(time.Duration(w.rng.Int64N(int64(600 * time.Millisecond))))
	w.killed.Store(true)
	if w.crash != nil {
		w.crash()
	}
	w.s.signal(syscall.SIGKILL)
	<-w.s.ended
	all.Wait()
	if w.repair != nil {
		w.repair()
	}
	w.left += w.unknownFiles()
	if w.rng.IntN(4) == 0 {
		w.killStarting()
	}
	w.s.restart()
	w.judge()
}

// killStarting kills the server once more before it has begun to answer.
func (w *killedServer) killStarting() {
	w.t.Helper()
	p := start(w.t, launch{}, "serve", "--listen", strings.TrimPrefix(w.s.url, "http://"), "--data", w.s.data)
	time.Sleep(time.Duration(w.rng.Int64N(int64(150 * time.Millisecond))))
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// change does a random step with one of a hand's images.
func (w *killedServer) change(h *hand, ids map[string]string) error {
	name := h.name()
	now, path := h.before[name], "/images/"+ids[name]
	if now == nil {
		return w.post(h, name, ids)
	}
	note := fmt.Sprint(h.rng.Uint64())
	switch h.rng.IntN(6) {
	case 0, 1:
		return h.step(name, nil, func() error { return w.ask(request{method: "DELETE", path: path}) })
	case 2, 3:
		if len(now.data) > 0 {
			return w.get(path, now)
		}
		data := h.fresh(2 << 20)
		return h.step(name, &content{data, now.note}, func() error {
			return w.ask(request{method: "PUT", path: path, body: data, slow: h.rng.IntN(2) == 0})
		})
	case 4:
		if len(now.data) > 0 {
			return w.refused(request{method: "PUT", path: path, body: []byte("other"), fields: map[string]string{"note": note}})
		}
	}
	return h.step(name, &content{now.data, note}, func() error {
		return w.ask(request{method: "PUT", path: path, fields: map[string]string{"note": note}})
	})
}

// post registers an image, in one of three cases without data.
func (w *killedServer) post(h *hand, name string, ids map[string]string) error {
	r := request{method: "POST", path: "/images", fields: map[string]string{"name": name, "architecture": "i386"}}
	if h.rng.IntN(3) > 0 {
		r.body, r.slow = h.fresh(2<<20), h.rng.IntN(2) == 0
	}
	return h.step(name, &content{data: r.body}, func() error {
		status, _, body, err := w.s.ask(r)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("POST: %d %s: %w", status, body, err)
		}
		var reply struct{ Image image }
		err = json.Unmarshal(body, &reply)
		ids[name] = reply.Image.text("_id")
		return err
	})
}

func (w *killedServer) ask(r request) error {
	status, _, body, err := w.s.ask(r)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("%s of %s: %d %s: %w", r.method, r.path, status, body, err)
	}
	return nil
}

// refused sends what the server must not do, nor half of it.
func (w *killedServer) refused(r request) error {
	status, _, body, err := w.s.ask(r)
	if err == nil && status != http.StatusConflict {
		err = fmt.Errorf("%s of %s: %d %s", r.method, r.path, status, body)
	}
	return err
}

func (w *killedServer) get(path string, want *content) error {
	status, _, body, err := w.s.ask(request{method: "GET", path: path})
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("GET: %d %s: %w", status, body, err)
	}
	if err := differentBytes(body, want.data); err != nil {
		w.t.Errorf("GET of %s: %v", path, err)
	}
	return nil
}

// unknownFiles counts what lies in the store beside the images, as a kill leaves it.
func (w *killedServer) unknownFiles() int {
	return len(entries(w.t, w.s.data, "incoming/*"))
}

// judge compares the server's answers and its files with what was acknowledged, and goes on
// from what is there.
func (w *killedServer) judge() {
	w.t.Helper()
	for _, img := range w.s.images() {
		if img.text("status") == "uploading" {
			w.t.Errorf("uploading after a start: %v", img)
		}
	}
	server := w.s.allFound(w.t)
	files := make(map[string]bool)
	for _, f := range server {
		if !isAlone(f, server) {
			w.t.Errorf("registered twice: %v", f)
		}
		if f.text("status") == "available" {
			files[f.text("_id")] = true
			w.judgeFile(f)
		}
	}
	for _, path := range append(entries(w.t, w.s.data, "images/*"), entries(w.t, w.s.data, "incoming/*")...) {
		if !files[filepath.Base(path)] {
			w.t.Errorf("%s is in the store, and no image's", path)
		}
	}
	for i, h := range w.hands {
		if err := h.judge(server); err != nil {
			w.t.Errorf("%s: %v", h.prefix, err)
		}
		w.count(h, server)
		h.adopt(server)
		for _, f := range server {
			w.ids[i][f.text("name")] = f.text("_id")
		}
	}
}

// judgeFile compares the file in the store with the record.
func (w *killedServer) judgeFile(f found) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.s.data, "images", f.text("_id")))
	if err != nil || md5Hex(data) != f.text("checksum") || float64(len(data)) != f.image["size"] {
		w.t.Errorf("the file of %v has %d bytes, the record says %v, MD5 %s (%v)", f, len(data), f.image["size"], f.text("checksum"), err)
	}
}

func (w *killedServer) count(h *hand, server []found) {
	for name, becomes := range h.after {
		if becomes == h.before[name] {
			continue
		}
		w.underWay++
		present := false
		for _, f := range server {
			present = present || f.text("name") == name && f.is(becomes)
		}
		if present || becomes == nil && !isNamed(server, name) {
			w.done++
		}
	}
}

func isNamed(server []found, name string) bool {
	for _, f := range server {
		if f.text("name") == name {
			return true
		}
	}
	return false
}
