package fs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// controlled is what a file of the control directory reads as, and what writing to it does.
type controlled struct {
	read  func() ([]byte, error)  // nil: there is no such file
	write func(text string) error // nil: it cannot be written
}

// controlNames are the files of the control directory.
var controlNames = []string{"cache", "log-level", "status.json", "uploads", "version"}

func (v *volume) control(name string) (c controlled) {
	switch name {
	case "status.json":
		c.read = v.statusText
	case "uploads":
		c.read = func() ([]byte, error) { return uploadsText(v.uploadStats(), time.Now()), nil }
	case "cache":
		c.read = func() ([]byte, error) { return cacheText(v.figures()), nil }
	case "version":
		c.read = func() ([]byte, error) { return []byte(v.version + "\n"), nil }
	case "log-level":
		if v.logLevel != nil {
			c.read = func() ([]byte, error) { return []byte(strings.ToLower(v.logLevel.Level().String()) + "\n"), nil }
			c.write = v.setLogLevel
		}
	}
	return c
}

func (v *volume) statusText() ([]byte, error) {
	text, err := json.MarshalIndent(v.stats(), "", "  ")
	return append(text, '\n'), err
}

// uploadsText has a line for each upload, of those that run and of those that failed last: its
// state, path, bytes, and age, or how long ago it failed, and why.
func uploadsText(s UploadStats, now time.Time) []byte {
	var out bytes.Buffer
	for _, u := range s.Running {
		fmt.Fprintf(&out, "%s\t/%s\t%d\t%s\n", u.State, u.Path, u.Size, now.Sub(u.Began).Round(time.Second))
	}
	for _, u := range s.Recent {
		fmt.Fprintf(&out, "%s\t/%s\t%d\t%s\t%s\n", u.State, u.Path, u.Size, now.Sub(u.Ended).Round(time.Second), u.Error)
	}
	return out.Bytes()
}

// cacheText sums up the cache for a reader.
func cacheText(s Stats) []byte {
	var out bytes.Buffer
	c := s.Cache
	fmt.Fprintf(&out, "memory    %d of %d bytes; %d chunks evicted\n", c.CachedBytes, c.LimitBytes, c.Evictions)
	if d := s.Disk; d != nil {
		fmt.Fprintf(&out, "disk      %d of %d bytes, of %d images; %d chunks evicted, %d damaged, %d not written\n",
			d.Held, d.Limit, d.Objects, d.Evicted, d.Discarded, d.DroppedWrites+c.NotWritten)
	}
	fmt.Fprintf(&out, "reads     %d chunks found, %d missed; %d bytes from memory, %d from disk, %d from the network\n",
		c.Hits, c.Misses, c.MemoryBytes, c.DiskBytes, c.SourceBytes)
	fmt.Fprintf(&out, "fetched   %d bytes in %d requests; %d bytes of them nobody has read\n", c.FetchedBytes, c.Opens, c.UnreadBytes)
	fmt.Fprintf(&out, "verified  %d images; %d were corrupt\n", c.Verified, c.Corrupt)
	fmt.Fprintf(&out, "spool     %d of %d bytes, and %d in lost+found\n", s.Spool.Used, s.Spool.Limit, s.Spool.Lost)
	return out.Bytes()
}

// logLevels are those that can be set.
var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (v *volume) setLogLevel(text string) error {
	level, ok := logLevels[strings.TrimSpace(text)]
	if !ok {
		return fmt.Errorf("log level %q: want debug, info, warn or error", text)
	}
	v.logLevel.Set(level)
	return nil
}
