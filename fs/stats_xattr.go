package fs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// The extended attributes of a mount's root directory. They are not listed.
const (
	// UploadsAttribute says what [Mount.Uploads] does: the number of files and that of bytes.
	UploadsAttribute = "user.visorfs.uploads"

	// StatsAttribute is what [Mount.Stats] returns, without its lists, as JSON.
	StatsAttribute = "user.visorfs.stats"
)

const uploadsForm = "%d %d"

// ParseUploads reads the value of [UploadsAttribute].
func ParseUploads(value string) (u Uploads, err error) {
	_, err = fmt.Sscanf(value, uploadsForm, &u.Files, &u.Bytes)
	return u, err
}

var _ = (gofuse.NodeGetxattrer)((*dirNode)(nil))

func (d *dirNode) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	switch {
	case !d.IsRoot():
		return 0, noAttribute
	case name == UploadsAttribute:
		u := sumOf(d.vol.unsaved())
		return copyOut(dest, fmt.Sprintf(uploadsForm, u.Files, u.Bytes))
	case name == StatsAttribute:
		return d.vol.statsAttribute(ctx, dest)
	}
	return 0, noAttribute
}

// statsAttribute answers with the statistics in short. Who asks for their length first is
// told a little more: they may be longer the next moment.
func (v *volume) statsAttribute(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	const growth = 256
	if caller, ok := fuse.FromContext(ctx); ok && caller.Uid != uint32(os.Geteuid()) && caller.Uid != 0 {
		return 0, syscall.EACCES
	}
	s := v.figures()
	s.OpenFiles, _ = v.openFiles()
	s.Client = v.client.Stats()
	s.Client.Requests, s.Client.Trips = nil, nil
	s.Uploads = v.uploadStats()
	s.Uploads.Running, s.Uploads.Recent = nil, nil
	text, err := json.Marshal(s)
	if err != nil {
		return 0, v.errno("getxattr "+StatsAttribute, "", "", err)
	}
	if len(dest) == 0 {
		return uint32(len(text) + growth), syscall.ERANGE
	}
	return copyOut(dest, string(text))
}
