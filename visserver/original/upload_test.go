package original

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// slowCopy copies a block, and then nothing for the time of a test.
var slowCopy = Options{BlockPause: time.Hour, CollectAfter: time.Hour}

func TestReplyComesBeforeTheFile(t *testing.T) {
	data := pattern(5*blockBytes + keptBytes)
	s, c := newServer(t, Options{BlockPause: 20 * time.Millisecond})
	a := c.send("POST", "/images", data, "name", "x", "architecture", "i386")
	img := a.image(t)
	if img["status"] != "available" || img["size"] != float64(len(data)) {
		t.Fatalf("reply: %s", a.body)
	}
	id := img["_id"].(string)
	early := c.send("GET", "/images/"+id, nil)
	if early.status != http.StatusOK || len(early.body) >= len(data) || !bytes.HasPrefix(data, early.body) {
		t.Errorf("GET during the copy: %d, %d bytes", early.status, len(early.body))
	}
	eventually(t, "the file is whole", func() bool { return fileSize(storePath(s, id)) == int64(len(data)) })
	if late := c.send("GET", "/images/"+id, nil); !bytes.Equal(late.body, data) {
		t.Errorf("GET after the copy: %d bytes, not the %d sent", len(late.body), len(data))
	}
}

func TestShortLastBlockAppearsWithTheGarbageCollection(t *testing.T) {
	data := pattern(blockBytes + keptBytes - 1)
	s, c := newServer(t, Options{CollectAfter: 100 * time.Millisecond})
	id := c.register(data)
	eventually(t, "the first block is there", func() bool { return fileSize(storePath(s, id)) == blockBytes })
	if a := c.send("GET", "/images/"+id, nil); len(a.body) != blockBytes {
		t.Errorf("GET before the collection: %d bytes", len(a.body))
	}
	eventually(t, "the file is whole", func() bool { return fileSize(storePath(s, id)) == int64(len(data)) })
}

func TestKillLosesWhatIsNotWritten(t *testing.T) {
	s, c := newServer(t, slowCopy)
	small, large := c.register([]byte("hello")), c.register(pattern(3*blockBytes))
	eventually(t, "a block is there", func() bool { return fileSize(storePath(s, large)) == blockBytes })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if a, b := fileSize(storePath(s, small)), fileSize(storePath(s, large)); a != 0 || b != blockBytes {
		t.Errorf("files of %d and %d bytes after the kill", a, b)
	}
}

func TestShutdownFlushes(t *testing.T) {
	s, c := newServer(t, slowCopy)
	small, large := c.register([]byte("hello")), c.register(pattern(3*blockBytes))
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a, b := fileSize(storePath(s, small)), fileSize(storePath(s, large)); a != 5 || b != 3*blockBytes {
		t.Errorf("files of %d and %d bytes after the exit", a, b)
	}
}

func TestDeleteDuringCopyLeavesNoFile(t *testing.T) {
	s, c := newServer(t, Options{BlockPause: 10 * time.Millisecond})
	id := c.register(pattern(20*blockBytes), "store", "file")
	c.expect(200, id, "DELETE", "/images/"+id)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.store.dir); len(left) > 0 {
		t.Errorf("left in the store: %v", left)
	}
}

func TestDeleteKeepsTheFileOfARecordWithoutStore(t *testing.T) {
	s, c := newServer(t, Options{})
	id := c.register(pattern(keptBytes))
	c.expect(200, id, "DELETE", "/images/"+id)
	if fileSize(storePath(s, id)) < 0 {
		t.Error("the file is gone")
	}
}

func TestDeleteRemovesAnyFile(t *testing.T) {
	_, c := newServer(t, Options{})
	victim := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	id := c.register(nil, "store", "file", "location", "file://"+victim)
	c.expect(200, id, "DELETE", "/images/"+id)
	if fileSize(victim) >= 0 {
		t.Error("the file is still there")
	}
}

func TestTwoUploadsAtOnceLeaveAnError(t *testing.T) {
	s, c := newServer(t, Options{roundTrip: 50 * time.Millisecond})
	id := c.register(nil)
	answers := make([]answer, 2)
	var both sync.WaitGroup
	for i := range answers {
		both.Go(func() { answers[i] = c.send("PUT", "/images/"+id, pattern(keptBytes)) })
	}
	both.Wait()
	if answers[0].status > answers[1].status {
		answers[0], answers[1] = answers[1], answers[0]
	}
	if answers[0].status != 200 || answers[1].status != 409 || !bytes.Contains(answers[1].body, []byte("already exists")) {
		t.Errorf("replies: %d, %d %s", answers[0].status, answers[1].status, answers[1].body)
	}
	head := c.send("HEAD", "/images/"+id, nil).header
	if head.Get("x-image-meta-status") != "error" || head.Get("x-image-meta-location") == "" {
		t.Errorf("afterwards: %v", head)
	}
	if fileSize(storePath(s, id)) < 0 {
		t.Error("no file of the winner")
	}
}

func TestAbortedUploadLeavesNothing(t *testing.T) {
	s, c := newServer(t, Options{})
	conn := c.dial()
	head := c.head("POST", "/images", "x-image-meta-name: x", "x-image-meta-architecture: i386",
		"Content-Type: application/octet-stream")
	if _, err := conn.Write([]byte(head + "Content-Length: 1000\r\n\r\nhello")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.tmpDir); len(left) > 0 || len(s.vms.rows) > 0 {
		t.Errorf("left: %v, %v", left, s.vms.rows)
	}
}

func TestQuarterOfAGigabyteTakesAboutASecond(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 256 MiB")
	}
	s, c := newServer(t, Options{})
	const size = 256 << 20
	id := c.register(make([]byte, size))
	begin := time.Now()
	eventually(t, "the file is whole", func() bool { return fileSize(storePath(s, id)) == size })
	if took := time.Since(begin); took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("the copy took %v", took)
	} else {
		t.Logf("the copy took %v", took)
	}
}
