package fs

import (
	"context"
	"fmt"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
)

// Requests returns how many requests for data the mount has made.
func (m *Mount) Requests() int64 { return m.vol.cache.Requests() }

// Uploads are the files that are not stored as they are.
type Uploads struct {
	Files int
	Bytes int64 // that they have so far
}

// Uploads returns what is being written or uploaded.
func (m *Mount) Uploads() Uploads { return m.vol.unsaved() }

func (v *volume) unsaved() (all Uploads) {
	for _, n := range v.writing() {
		if d := n.currentDraft(); d != nil && d.isUnsaved() {
			all.Files++
			all.Bytes += d.content.length()
		}
	}
	return all
}

// UploadsAttribute is the extended attribute of a mount's root directory that says what
// [Mount.Uploads] does: the number of files and that of bytes. It is not listed.
const UploadsAttribute = "user.visorfs.uploads"

const uploadsForm = "%d %d"

// ParseUploads reads the value of [UploadsAttribute].
func ParseUploads(value string) (u Uploads, err error) {
	_, err = fmt.Sscanf(value, uploadsForm, &u.Files, &u.Bytes)
	return u, err
}

var _ = (gofuse.NodeGetxattrer)((*dirNode)(nil))

func (d *dirNode) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	if name != UploadsAttribute || !d.IsRoot() {
		return 0, noAttribute
	}
	u := d.vol.unsaved()
	return copyOut(dest, fmt.Sprintf(uploadsForm, u.Files, u.Bytes))
}

// logReads says where what was read came from.
func (v *volume) logReads() {
	s := v.cache.Stats()
	if s.Hits+s.Misses == 0 {
		return
	}
	v.log.Info("bytes read",
		"memory", s.MemoryBytes, "disk", s.DiskBytes, "network", s.SourceBytes,
		"fetched", s.FetchedBytes, "unread", s.UnreadBytes, "requests", s.Opens,
		"verified", s.Verified, "corrupt", s.Corrupt)
}
