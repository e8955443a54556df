package fs

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Uploads are the files that are not stored as they are.
type Uploads struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"` // that they have so far
}

// UploadStats tells of what is written: what is on its way, and what came of the rest.
type UploadStats struct {
	Uploads
	Running []Upload `json:"running"` // those files, the longest open first
	Recent  []Upload `json:"recent"`  // those that failed last, the latest at the end; at most 20

	Stored      int64 `json:"stored"`       // contents of files that the server took
	StoredBytes int64 `json:"stored_bytes"` // of those
	Failed      int64 `json:"failed"`       // files that could not be stored
	Abandoned   int64 `json:"abandoned"`    // files whose program was killed before it had closed them
}

// Upload is a file that is being written, or was.
type Upload struct {
	Path  string      `json:"path"` // below the mountpoint
	State UploadState `json:"state"`
	Size  int64       `json:"size"`            // bytes that were written so far
	Sent  int64       `json:"sent"`            // of those, on their way to the server or there
	Began time.Time   `json:"began"`           // when the file was opened
	Ended time.Time   `json:"ended,omitzero"`  // when it failed
	Error string      `json:"error,omitempty"` // why
}

// UploadState is how far an upload is.
type UploadState string

// The states of an upload.
const (
	Writing   UploadState = "writing"   // it is kept here until it is closed
	Uploading UploadState = "uploading" // it is being sent
	Failed    UploadState = "failed"
	Abandoned UploadState = "abandoned" // by a program that was killed
)

// unsaved returns what is being written or uploaded, the longest open first.
func (v *volume) unsaved() (running []Upload) {
	for _, n := range v.writing() {
		d := n.currentDraft()
		if d == nil || !d.isUnsaved() {
			continue
		}
		d.mu.Lock()
		running = append(running, d.upload())
		d.mu.Unlock()
	}
	slices.SortFunc(running, func(a, b Upload) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Path, b.Path))
	})
	return running
}

func sumOf(running []Upload) (sum Uploads) {
	for _, u := range running {
		sum.Files++
		sum.Bytes += u.Size
	}
	return sum
}

// upload describes the draft. The caller holds mu.
func (d *draft) upload() Upload {
	u := Upload{Path: d.path, State: Writing, Size: d.content.length(), Began: d.began}
	if d.sending != nil && d.sending.isUnderWay() {
		u.State, u.Sent = Uploading, min(d.sending.sent.Load(), u.Size)
	}
	return u
}

func (d *delivery) isUnderWay() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// counting returns a body, nil for none, whose bytes are counted as they are read.
func (d *delivery) counting(body io.Reader) io.Reader {
	if body == nil {
		return nil
	}
	counted := countedBody{body, d}
	if s, ok := body.(io.Seeker); ok {
		return countedFile{counted, s}
	}
	return counted
}

type countedBody struct {
	io.Reader
	delivery *delivery
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.delivery.sent.Add(int64(n))
	return n, err
}

// countedFile can be sent once more from where it is sought to.
type countedFile struct {
	countedBody
	io.Seeker
}

func (f countedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := f.Seeker.Seek(offset, whence)
	if err == nil {
		f.delivery.sent.Store(at)
	}
	return at, err
}

// recentUploads is how many uploads that failed are remembered.
const recentUploads = 20

// endedUploads is what came of files that were written.
type endedUploads struct {
	mu                sync.Mutex
	stored, bytes     int64
	failed, abandoned int64
	recent            []Upload
}

func (e *endedUploads) addStored(size int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stored++
	e.bytes += size
}

func (e *endedUploads) addFailed(u Upload, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u.State, u.Ended, u.Error = Failed, time.Now(), err.Error()
	if errors.Is(err, errKilled) {
		u.State = Abandoned
		e.abandoned++
	} else {
		e.failed++
	}
	e.recent = append(e.recent, u)
	e.recent = e.recent[max(0, len(e.recent)-recentUploads):]
}

func (v *volume) uploadStats() UploadStats {
	running := v.unsaved()
	e := &v.ended
	e.mu.Lock()
	defer e.mu.Unlock()
	return UploadStats{
		Uploads: sumOf(running), Running: running, Recent: slices.Clone(e.recent),
		Stored: e.stored, StoredBytes: e.bytes, Failed: e.failed, Abandoned: e.abandoned,
	}
}
