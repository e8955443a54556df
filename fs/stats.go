package fs

import (
	"cmp"
	"slices"
	"time"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// Stats tells what a mount does and did. Counters begin with the mount.
type Stats struct {
	Mountpoint string    `json:"mountpoint"`
	Server     string    `json:"server"` // its URL
	Version    string    `json:"version"`
	Mounted    time.Time `json:"mounted"`
	Time       time.Time `json:"time"` // of these figures

	Operations   []Operation `json:"operations,omitempty"` // requests of the kernel; those that are over
	ReadBytes    int64       `json:"read_bytes"`           // that programs got, but for what the kernel had itself; Cache says from where
	WrittenBytes int64       `json:"written_bytes"`        // that programs wrote
	Panics       int64       `json:"panics"`               // requests that met a bug

	OpenFiles int        `json:"open_files"` // handles, or what the kernel has not released yet
	Files     []OpenFile `json:"files,omitempty"`

	Cache   cache.Stats     `json:"cache"`
	Disk    *disk.Stats     `json:"disk,omitempty"` // below the cache; nil for none
	Client  visclient.Stats `json:"client"`         // what was asked of the server
	Catalog catalog.Stats   `json:"catalog"`
	Spool   spool.Stats     `json:"spool"`
	Uploads UploadStats     `json:"uploads"`
}

// OpenFile is a file that programs have open.
type OpenFile struct {
	Path    string `json:"path"` // below the mountpoint
	Handles int    `json:"handles"`
	Writing bool   `json:"writing"`
}

// mostFiles bounds Stats.Files, which somebody is to read.
const mostFiles = 100

// Stats returns the figures as they are now. It asks the server nothing.
func (m *Mount) Stats() Stats { return m.vol.stats() }

func (v *volume) stats() Stats {
	s := v.figures()
	s.Operations = v.requests.operations()
	s.OpenFiles, s.Files = v.openFiles()
	s.Client = v.client.Stats()
	s.Uploads = v.uploadStats()
	return s
}

// figures are the statistics but for the lists.
func (v *volume) figures() Stats {
	s := Stats{
		Mountpoint: v.mountpoint, Server: v.client.URL(), Version: v.version,
		Mounted: v.mounted, Time: time.Now(),
		ReadBytes: v.requests.read.Load(), WrittenBytes: v.requests.written.Load(), Panics: v.requests.panics.Load(),
		Cache: v.cache.Stats(), Catalog: v.catalog.Stats(), Spool: v.spool.Stats(),
	}
	if v.disk != nil {
		stats := v.disk.Stats()
		s.Disk = &stats
	}
	return s
}

// opened counts a handle of a file, until released.
func (v *volume) opened(n *imageNode) {
	v.catalog.Use()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[n]++
}

func (v *volume) released(n *imageNode) {
	v.catalog.Disuse()
	v.mu.Lock()
	v.open[n]--
	last := v.open[n] == 0
	if last {
		delete(v.open, n)
	}
	v.mu.Unlock()
	if last {
		n.closed()
	}
}

// isOpen reports whether a file has a handle.
func (v *volume) isOpen(n *imageNode) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open[n] > 0
}

// openFiles returns how many handles there are, and the first files by their paths.
func (v *volume) openFiles() (handles int, files []OpenFile) {
	v.mu.Lock()
	open := make(map[*imageNode]int, len(v.open))
	for n, count := range v.open {
		open[n] = count
	}
	v.mu.Unlock()
	for n, count := range open {
		handles += count
		files = append(files, OpenFile{Path: n.path(), Handles: count, Writing: n.currentDraft() != nil})
	}
	slices.SortFunc(files, func(a, b OpenFile) int { return cmp.Compare(a.Path, b.Path) })
	return handles, files[:min(len(files), mostFiles)]
}

// Requests returns how many requests for data the mount has made.
func (m *Mount) Requests() int64 { return m.vol.cache.Requests() }

// Uploads returns what is being written or uploaded.
func (m *Mount) Uploads() Uploads { return sumOf(m.vol.unsaved()) }

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
