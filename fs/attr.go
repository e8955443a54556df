package fs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/meta"
)

// mtimeKey is the custom attribute that keeps a file's modification time.
const mtimeKey = "mtime"

func (v *volume) fillImage(out *fuse.Attr, img *meta.Image) {
	out.Mode = fuse.S_IFREG | modeOf(img.Access)&^v.umask
	out.Nlink = 1
	out.Owner = v.owner
	out.Size = uint64(img.Size)
	mtime, ctime := modTime(img), changeTime(img)
	out.SetTimes(&mtime, &mtime, &ctime)
}

func modeOf(access string) uint32 {
	if access == meta.Private {
		return 0o600
	}
	return 0o644
}

// accessOf is the attribute that a file mode asks for: what others may read is public.
func accessOf(mode uint32) string {
	if mode&0o004 != 0 {
		return meta.Public
	}
	return meta.Private
}

func modTime(img *meta.Image) time.Time {
	if text, ok := img.Other[mtimeKey]; ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t
		}
	}
	if !img.UploadedAt.IsZero() {
		return img.UploadedAt
	}
	return img.CreatedAt
}

func changeTime(img *meta.Image) time.Time {
	if !img.UpdatedAt.IsZero() {
		return img.UpdatedAt
	}
	return img.CreatedAt
}

func formatMtime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
