package original

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// The places that the recordings name.
const (
	recordedStore = "/var/lib/visor/store" // put into the recordings afterwards,
	signedStore   = "/tmp/visor-run/store" // in place of this: of the same length
	recordedWeb   = "127.0.0.1:18080"
)

var secrets = map[string]string{"foo": "bar", "alice": "wonder"}

// stage is a server in which recordings are replayed. Its clock stands where the
// recording at hand says, and its store has a path as long as the recorded one, so
// that lengths come out the same.
type stage struct {
	t      *testing.T
	server *Server
	addr   string
	web    string // address of the web server that http:// locations name

	mu     sync.Mutex
	now    time.Time
	nextID string

	// swaps are texts of the recordings and what stands for them here.
	swaps []string
}

func newStage(t *testing.T) *stage {
	st := &stage{t: t, now: time.Unix(0, 0).UTC()}
	dir := dirOfLength(t, len(recordedStore)-len("/store"))
	server, err := New(Options{
		Dir: dir, Users: secrets,
		BlockPause: time.Nanosecond, CollectAfter: time.Hour,
		clock: st.clock, newID: st.newID, roundTrip: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	st.server = server
	st.addr = serveOn(t, server)
	st.web = webServer(t)
	st.swaps = []string{
		recordedStore, server.store.dir,
		htmlEscaper.Replace(signedStore), htmlEscaper.Replace(server.store.dir),
		recordedWeb, st.web,
	}
	return st
}

func (st *stage) clock() time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.now
}

func (st *stage) newID() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.nextID
}

func (st *stage) set(now time.Time, nextID string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.now, st.nextID = now, nextID
}

// local puts the places of this stage into a text of the recordings.
func (st *stage) local(text []byte) []byte {
	return []byte(strings.NewReplacer(st.swaps...).Replace(string(text)))
}

// has reports whether the server has an image.
func (st *stage) has(id string) bool {
	st.server.vms.mu.RLock()
	defer st.server.vms.mu.RUnlock()
	_, ok := st.server.vms.rows[id]
	return ok
}

// seed puts a row into the server, as it is.
func (st *stage) seed(r row) {
	st.t.Helper()
	if location, ok := r["location"]; ok {
		r["location"] = string(st.local([]byte(location)))
	}
	if r["uri"] == "" {
		r["uri"] = "http://127.0.0.1:4568/images/" + r["_id"]
	}
	err := st.server.vms.change(func(rows map[string]row) { rows[r["_id"]] = r })
	if err != nil {
		st.t.Fatal(err)
	}
}

// shown seeds the images as the reply of a recording shows them.
func (st *stage) shown(name string) {
	st.t.Helper()
	for _, r := range record(st.t, name).images(st.t) {
		st.seed(r)
	}
}

// shownBut is shown with some columns changed; "" means NULL.
func (st *stage) shownBut(name string, changes row) {
	st.t.Helper()
	for _, r := range record(st.t, name).images(st.t) {
		for column, value := range changes {
			r[column] = value
			if value == "" {
				delete(r, column)
			}
		}
		st.seed(r)
	}
}

// image seeds a locked image of foo's, with some columns changed.
func (st *stage) image(id string, columns row) {
	st.t.Helper()
	r := row{"_id": id, "name": "x", "architecture": "x86_64", "access": "public", "owner": "foo",
		"status": "locked", "created_at": "2026-11-24 03:00:00", "access_count": "0"}
	for column, value := range columns {
		r[column] = value
	}
	st.seed(r)
}

// file puts a file into the store, by the name that the recordings use.
func (st *stage) file(name string, data []byte) {
	st.t.Helper()
	if err := os.WriteFile(filepath.Join(st.server.store.dir, name), data, 0o600); err != nil {
		st.t.Fatal(err)
	}
}

// sparse puts a file of zeros into the store.
func (st *stage) sparse(name string, size int64) {
	st.t.Helper()
	st.file(name, nil)
	if err := os.Truncate(filepath.Join(st.server.store.dir, name), size); err != nil {
		st.t.Fatal(err)
	}
}

// storedSize is the size of a file of the store, -1 if there is none.
func (st *stage) storedSize(name string) int64 {
	info, err := os.Stat(filepath.Join(st.server.store.dir, name))
	if err != nil {
		return -1
	}
	return info.Size()
}

// await waits until a file of the store has a size.
func (st *stage) await(name string, size int64) {
	st.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); st.storedSize(name) != size; {
		if time.Now().After(deadline) {
			st.t.Fatalf("%s has %d bytes, not %d", name, st.storedSize(name), size)
		}
		time.Sleep(time.Millisecond)
	}
}

// padded is data with zeros after it.
func padded(data []byte, size int) []byte {
	return append(bytes.Clone(data), make([]byte, max(0, size-len(data)))...)
}

func afterFirstLine(data []byte) []byte {
	_, rest, _ := bytes.Cut(data, []byte("\r\n"))
	return rest
}

// resign signs a request anew, for its text is no longer what was signed.
func resign(t *testing.T, request []byte) []byte {
	t.Helper()
	head, body := split(request)
	req, err := parseHead(head)
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := req.header.exact("Authorization")
	key := accessKeyForm.FindStringSubmatch(sent)[1]
	auth := "VISOR " + key + ":" + signature(secrets[key], (&Server{now: time.Now}).described(req))
	head = regexp.MustCompile(`(?m)^Authorization: .*\r$`).ReplaceAllLiteral(head, []byte("Authorization: "+auth+"\r"))
	return append(bytes.Clone(head), body...)
}
