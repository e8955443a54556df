package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/dustin/go-humanize"

	"github.com/visorfs/visorfs/fs"
)

// notify tells systemd, if that started the program, how it is. Nobody else is told, and
// a systemd that doesn't listen is no reason to stop.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// notifyStatus keeps the line that "systemctl status" shows until ctx ends.
func notifyStatus(ctx context.Context, mount *fs.Mount, dir string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for last := ""; ; {
		if now := dir + ": " + describeUploads(mount.Uploads()); now != last {
			notify("STATUS=" + now)
			last = now
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func describeUploads(u fs.Uploads) string {
	files := "no file is"
	switch {
	case u.Files == 1:
		files = "1 file is"
	case u.Files > 1:
		files = fmt.Sprintf("%d files are", u.Files)
	}
	if u.Files == 0 {
		return files + " being uploaded"
	}
	return fmt.Sprintf("%s being uploaded, %s so far", files, humanize.IBytes(uint64(u.Bytes)))
}
