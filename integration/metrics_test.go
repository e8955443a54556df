//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// metrics are the values of a scrape, by name and labels as they are written.
type metrics map[string]float64

var metricsURL = regexp.MustCompile(`msg="metrics are served" url=(\S+)`)

// metricsURL returns where a program serves its metrics.
func (p *program) metricsURL() string {
	p.t.Helper()
	found := metricsURL.FindStringSubmatch(p.stderr.String())
	if found == nil {
		p.t.Fatalf("%s does not say where its metrics are: %s", p, p.stderr.String())
	}
	return found[1]
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %s (%v)", url, resp.StatusCode, text, err)
	}
	return string(text)
}

func (p *program) scrape() metrics {
	p.t.Helper()
	values := make(metrics)
	for line := range strings.Lines(get(p.t, p.metricsURL())) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		values[line[:at]] = value
	}
	return values
}

var requestsMetric = regexp.MustCompile(`^visorfs_server_requests_total\{method="(\w+)",status="(\w+)"\}$`)

// requests returns what a mount says that it asked the server.
func (m metrics) requests() map[answered]float64 {
	all := make(map[answered]float64)
	for name, value := range m {
		if found := requestsMetric.FindStringSubmatch(name); found != nil {
			all[answered{found[1], found[2]}] = value
		}
	}
	return all
}

func (m metrics) want(t *testing.T, name string, want float64) {
	t.Helper()
	if got, ok := m[name]; !ok || got != want {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

// The counters are those of the server, to the byte. Images that are read whole are of one
// chunk here: a request that runs ahead may be given up, with bytes on their way.
func TestMetricsAgreeWithWhatTheServerSaw(t *testing.T) {
	t.Parallel()
	const whole = 100_017
	s := startServer(t)
	p := startProxy(t, s)
	s.post("whole.img", random(901, whole), nil)
	s.post("pages.img", random(902, 64<<20), nil)
	m := startMount(t, p.url, "--metadata-ttl", "1h", "--metrics", "127.0.0.1:0", "--no-passthrough")

	wantContent(t, m.path("whole.img"), random(901, whole))
	p.setFault(once(func(r *http.Request) bool { return r.Method == http.MethodGet }, fault{status: 503, away: true}))
	pages := readPages(t, m.path("pages.img"), []int64{50 << 20, 1 << 20, 33 << 20, 60 << 20, 17 << 20})
	p.setFault(once(func(r *http.Request) bool { return r.Method == http.MethodGet }, fault{drop: true}))
	pages += readPages(t, m.path("pages.img"), []int64{40 << 20})

	tool(t, "cp", newFile(t, "a", random(903, 2<<20)), m.path("new.img"))
	p.setFault(once(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{status: 507, late: true}))
	m.expectLog(`path=/full.img errno="no space left on device"`)
	wantFailure(t, "No space left", "cp", newFile(t, "b", random(904, 300_000)), m.path("full.img"))
	p.setFault(once(func(r *http.Request) bool { return r.Method == http.MethodPut }, fault{status: 403}))
	m.expectLog(`rename to /other.img`)
	wantErrno(t, "rename", os.Rename(m.path("new.img"), m.path("other.img")), syscall.EACCES)
	p.setFault(nil)
	tool(t, "mv", m.path("new.img"), m.path("moved.img"))
	tool(t, "setfattr", "-n", "user.visor.rack", "-v", "7", m.path("moved.img"))
	tool(t, "rm", m.path("moved.img"))
	if _, err := os.Stat(m.path("nowhere")); !os.IsNotExist(err) {
		t.Error(err)
	}

	eventually(t, "the mount's counters are the proxy's", func() bool {
		requests, up, down := p.tally.now()
		got := m.scrape()
		return reflect.DeepEqual(got.requests(), requests) && got["visorfs_server_sent_bytes_total"] == up && got["visorfs_server_received_bytes_total"] == down
	})
	got := m.scrape()
	requests, up, down := p.tally.now()
	if !reflect.DeepEqual(got.requests(), requests) {
		t.Errorf("the mount counts the requests %v, the proxy %v", got.requests(), requests)
	}
	got.want(t, "visorfs_server_sent_bytes_total", up)
	got.want(t, "visorfs_server_received_bytes_total", down)
	got.want(t, "visorfs_server_retries_total", 2)
	got.want(t, "visorfs_cache_fetched_bytes_total", float64(p.sent.Load()))
	got.want(t, "visorfs_replied_bytes_total", whole+float64(pages))
	got.want(t, `visorfs_read_bytes_total{source="memory"}`, got["visorfs_replied_bytes_total"]-got[`visorfs_read_bytes_total{source="network"}`])
	got.want(t, "visorfs_written_bytes_total", 2<<20+300_000)
	got.want(t, "visorfs_uploaded_bytes_total", 2<<20)
	got.want(t, `visorfs_uploads_total{outcome="stored"}`, 1)
	got.want(t, `visorfs_uploads_total{outcome="failed"}`, 1)
	got.want(t, `visorfs_operations_total{operation="rename",outcome="ok"}`, 1)
	got.want(t, `visorfs_operations_total{operation="rename",outcome="EACCES"}`, 1)
	got.want(t, `visorfs_operations_total{operation="unlink",outcome="ok"}`, 1)
	got.want(t, `visorfs_catalog_listings_total{outcome="ok"}`, 1)
	got.want(t, `visorfs_catalog_listings_total{outcome="failed"}`, 0)
	got.want(t, "visorfs_catalog_images", 2)
	if lost := got["visorfs_spool_lost_bytes"]; lost < 300_000 || lost > 310_000 { // in blocks of the disk
		t.Errorf("%v bytes are in lost+found, where a file of 300000 was kept", lost)
	}
	got.want(t, "visorfs_open_files", 0)
	if got[`visorfs_operations_total{operation="lookup",outcome="ENOENT"}`] < 1 {
		t.Error("no lookup found nothing")
	}
}

// readPages reads single pages of a file, and returns how many bytes that were.
func readPages(t *testing.T, path string, offsets []int64) (n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		t.Fatal(err)
	}
	want, page := random(902, 64<<20), make([]byte, 4096)
	for _, off := range offsets {
		if _, err := f.ReadAt(page, off); err != nil || !bytes.Equal(page, want[off:off+4096]) {
			t.Errorf("page at %d is wrong (%v)", off, err)
		}
		n += len(page)
	}
	return n
}

func TestServeCountsWhatItAnswered(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--metrics", "127.0.0.1:0")
	id := s.post("a.img", random(905, 100_000), nil)
	s.wantStored("a.img", random(905, 100_000))
	s.do(request{method: "DELETE", path: "/images/" + strings.Repeat("0", len(id))})
	got := s.scrape()
	got.want(t, "visorfs_serve_received_bytes_total", 100_000)
	got.want(t, `visorfs_serve_requests_total{operation="post_image",status="200"}`, 1)
	got.want(t, `visorfs_serve_requests_total{operation="get_image",status="200"}`, 1)
	got.want(t, `visorfs_serve_requests_total{operation="get_images_detail",status="200"}`, 1)
	got.want(t, `visorfs_serve_requests_total{operation="delete_image",status="404"}`, 1)
	got.want(t, "visorfs_serve_images", 1)
	got.want(t, "visorfs_serve_uploads_running", 0)
	if sent := got["visorfs_serve_sent_bytes_total"]; sent <= 100_000 {
		t.Errorf("%v bytes were sent, with an image of 100000", sent)
	}
	if text := get(t, strings.TrimSuffix(s.metricsURL(), "metrics")+"healthz"); text != "ok\n" {
		t.Errorf("/healthz says %q", text)
	}
	if text := get(t, strings.TrimSuffix(s.metricsURL(), "metrics")+"debug/pprof/cmdline"); !strings.Contains(text, "serve") {
		t.Errorf("/debug/pprof/cmdline says %q", text)
	}
}

func TestMetricsAddressThatIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := startServer(t)
	dir := newMountpoint(t)
	p := start(t, launch{mount: dir}, "mount", "--url", s.url, "--metrics", taken.Addr().String(), dir)
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := fmt.Sprintf("%s is in use by another program", taken.Addr()); !strings.Contains(p.stderr.String(), want) {
		t.Errorf("it says %q, want %q", p.stderr.String(), want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%s: %v, %v", filepath.Base(dir), entries, err)
	}
}
