//go:build linux

package integration

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// signed returns a request's head, signed for a time, with more headers that the signature
// does not cover.
func signed(method, path, date string, more ...string) string {
	mac := hmac.New(sha1.New, []byte(secretKey))
	_, _ = io.WriteString(mac, strings.Join([]string{method, "", "", date, path}, "\n"))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nDate: %s\r\nAuthorization: VISOR %s:%s\r\n", method, path, date, accessKey,
		base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return head + strings.Join(more, "") + "\r\n"
}

func httpDate(ago time.Duration) string {
	return time.Now().Add(-ago).UTC().Format(http.TimeFormat)
}

func (s *server) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exchange sends bytes as they are, and returns the status of the answer, 0 if there is
// none.
func (s *server) exchange(text string) (status int, body string) {
	s.t.Helper()
	conn := s.dial()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }() // which may end before it has all been taken
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	all, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(all)
}

func TestHostileRequestsGetNothingAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	data := random(620, 100_000)
	id := s.post("good.img", data, map[string]string{"access": "private"})
	path := "/images/" + id
	outside := filepath.Join(filepath.Dir(s.data), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	now := httpDate(0)
	good := signed("DELETE", path, httpDate(0))
	for what, c := range map[string]struct {
		request string
		want    []int // statuses; 0 is the end of the connection
	}{
		"no signature":                  {"DELETE " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{403}},
		"wrong signature":               {strings.Replace(good, accessKey+":", accessKey+":A", 1), []int{403}},
		"empty signature":               {"DELETE " + path + " HTTP/1.1\r\nHost: x\r\nDate: " + now + "\r\nAuthorization: VISOR foo:\r\n\r\n", []int{403}},
		"user that is none":             {strings.Replace(good, "VISOR foo:", "VISOR bar:", 1), []int{403}},
		"signature of another method":   {strings.Replace(signed("HEAD", path, now), "HEAD", "DELETE", 1), []int{403}},
		"signature of another path":     {strings.Replace(signed("DELETE", "/images/x", now), "/images/x", path, 1), []int{403}},
		"replay of an hour ago":         {signed("DELETE", path, httpDate(time.Hour)), []int{403}},
		"sent an hour ahead":            {signed("DELETE", path, httpDate(-time.Hour)), []int{403}},
		"two dates":                     {signed("DELETE", path, now, "Date: "+httpDate(time.Hour)+"\r\n"), []int{400, 403}},
		"metadata beside the signature": {signed("PUT", path, now, "x-image-meta-name: evil\r\nContent-Length: 0\r\n"), []int{403}},
		"headers of 1 MiB":              {signed("DELETE", path, now, "X: "+strings.Repeat("x", 1<<20)+"\r\n"), []int{431, 0}},
		"10,000 headers":                {signed("DELETE", path, now, strings.Repeat("X: y\r\nX-Some-Longer-Name: with a longer value\r\n", 10_000)), []int{431, 0}},
		"path of 1 MiB":                 {"GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{414, 431, 0}},
		"up and out":                    {signed("GET", "/images/../../outside", now), []int{301, 307, 400, 403, 404}},
		"up and out, encoded":           {signed("GET", "/images/..%2f..%2foutside", now), []int{400, 403, 404}},
		"up, encoded twice":             {signed("GET", "/images/%252e%252e%252foutside", now), []int{400, 403, 404}},
		"up by a backslash":             {signed("GET", `/images/..\..\outside`, now), []int{400, 403, 404}},
		"NUL":                           {signed("GET", "/images/"+id+"%00", now), []int{400, 403, 404}},
		"absolute":                      {signed("DELETE", "/images/%2fetc%2fpasswd", now), []int{400, 403, 404}},
		"name with a line break":        {"POST /images HTTP/1.1\r\nHost: x\r\nx-image-meta-name: a\r\n b: c\r\nContent-Length: 0\r\n\r\n", []int{400, 403}},
		"name with NUL":                 {"POST /images HTTP/1.1\r\nHost: x\r\nx-image-meta-name: a\x00b\r\nContent-Length: 0\r\n\r\n", []int{400, 403}},
		"negative length":               {signed("PUT", path, now, "Content-Length: -1\r\n"), []int{400}},
		"length of 2^64":                {signed("PUT", path, now, "Content-Length: 18446744073709551616\r\n"), []int{400}},
		"length and chunks":             {signed("PUT", path, now, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", []int{400, 403, 409}},
		"two lengths":                   {signed("PUT", path, now, "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello", []int{400}},
		"chunk of 2^63":                 {signed("PUT", path, now, "Transfer-Encoding: chunked\r\n") + "7fffffffffffffff\r\n" + strings.Repeat("x", 4<<20), []int{400, 403, 409, 413, 0}},
		"no HTTP":                       {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400, 0}},
		"range of everything":           {signed("GET", path, now, "Range: bytes="+strings.Repeat("0-,", 20_000)+"0-\r\n"), []int{200, 416, 400}},
	} {
		status, body := s.exchange(c.request)
		ok := false
		for _, want := range c.want {
			ok = ok || status == want
		}
		if !ok || strings.Contains(body, "outside") && !strings.Contains(body, "outside'") {
			t.Errorf("%s: %d %.200q, want one of %v", what, status, body, c.want)
		}
		s.wantStored("good.img", data)
	}
	if list := s.images(); len(list) != 1 {
		t.Errorf("there are %d images, want 1: %v", len(list), list)
	}
	if b, err := os.ReadFile(outside); string(b) != "outside" {
		t.Errorf("the file beside the repository is %q, %v", b, err)
	}
	entries, err := os.ReadDir(filepath.Join(s.data, "incoming"))
	if err != nil || len(entries) > 0 {
		t.Errorf("what was refused left %v, %v", entries, err)
	}
}

// VISORFS_CONNECTIONS says how many to open.
func TestIdleAndSlowClientsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	count, _ := number(t, "VISORFS_CONNECTIONS", 1000)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 2*count {
		t.Skipf("%d open files are allowed, %v; it takes %d", limit.Cur, err, 2*count)
	}
	s := startServer(t)
	id := s.post("a.img", random(621, 10_000), nil)
	beginnings := []string{ // what each sends of a request; the first have none
		"", "", "G", "GET /status HTTP/1.1\r\nHost: x\r\nX: ", "POST /images HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
	}
	var slow []net.Conn
	for i := range count {
		conn := s.dial()
		if _, err := io.WriteString(conn, beginnings[i%uint64(len(beginnings))]); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	m := startMount(t, s.url)
	for i := range 10 {
		name, data := fmt.Sprintf("%d.img", i), random(uint64(622+i), 100_000)
		tool(t, "cp", newFile(t, name, data), m.dir)
		wantContent(t, m.path(name), data)
		s.wantStored(name, data)
	}
	most := 300<<20 + int(count)*48<<10 // with what the race detector takes; without it 13 KiB each
	if peak := peakMemory(t, s.cmd.Process.Pid); peak > most {
		t.Errorf("the server took %d MiB", peak>>20)
	}
	// Whoever does not go on with a request is let go of, while the others get answers.
	_ = slow[3].SetReadDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.Copy(io.Discard, slow[3]); err != nil {
		t.Errorf("a client that does not end its headers is still connected: %v", err)
	}
	if status, _, _ := s.do(request{method: "HEAD", path: "/images/" + id}); status != http.StatusOK {
		t.Errorf("HEAD: %d", status)
	}
}
