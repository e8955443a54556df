//go:build linux

package integration

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// An image that was registered without data gets some, while a program has it open: whoever
// reads it through that makes no other see less than there is.
func TestImageThatGetsDataWhileItIsOpenIsRead(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--metadata-ttl", "500ms")
	id := s.post("a.img", nil, nil)
	f := open(t, m.path("a.img"), 0)
	if got, err := io.ReadAll(f); err != nil || len(got) > 0 {
		t.Fatalf("%d bytes, %v, of an image without data", len(got), err)
	}
	data := random(332, 5000)
	if status, _, body := s.do(request{method: "PUT", path: "/images/" + id, body: data}); status != http.StatusOK {
		t.Fatalf("PUT: %d %s", status, body)
	}
	eventually(t, "the mount shows the data's length", func() bool {
		info, err := os.Stat(m.path("a.img"))
		return err == nil && info.Size() == int64(len(data))
	})
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v, through what was open before, want the %d that came", len(got), err, len(data))
	}
	if info, err := os.Stat(m.path("a.img")); err != nil || info.Size() != int64(len(data)) {
		t.Errorf("stat after that: %v, %v", info, err)
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		wantContent(t, m.path("a.img"), data)
	}
}
