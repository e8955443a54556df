package main

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/dustin/go-humanize"

	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/internal/latency"
)

var (
	topTitle = lipgloss.NewStyle().Bold(true)
	topLabel = lipgloss.NewStyle().Foreground(lipgloss.BrightBlue)
	topFull  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	topEmpty = lipgloss.NewStyle().Foreground(lipgloss.BrightBlack)
	topBad   = lipgloss.NewStyle().Foreground(lipgloss.Red)
)

// drawTop draws what a mount did between two moments, and has in the later one, in lines of at
// most some columns.
func drawTop(before, now fs.Stats, width int) string {
	p := topPicture{before: before, now: now, width: width, seconds: now.Time.Sub(before.Time).Seconds()}
	p.line(topTitle.Render("visorfs "+printable(now.Mountpoint)) + "  " + printable(now.Server) + "  mounted " + roughly(now.Time.Sub(now.Mounted)))
	p.line("")
	p.traffic()
	p.line("")
	p.stores()
	p.line("")
	p.uploads()
	p.line("")
	p.files()
	return strings.Join(p.lines, "\n")
}

// topPicture is being drawn.
type topPicture struct {
	before, now fs.Stats
	seconds     float64 // between the two
	width       int
	lines       []string
}

func (p *topPicture) line(text string) {
	p.lines = append(p.lines, lipgloss.NewStyle().MaxWidth(p.width).Render(text))
}

func (p *topPicture) labelled(label, format string, args ...any) {
	p.line(topLabel.Render(fmt.Sprintf("%-10s", label)) + fmt.Sprintf(format, args...))
}

// rate is how many a second there were.
func (p *topPicture) rate(before, now int64) float64 {
	if p.seconds <= 0 {
		return 0
	}
	return float64(now-before) / p.seconds
}

func (p *topPicture) bytes(before, now int64) string {
	return humanize.IBytes(uint64(max(0, p.rate(before, now)))) + "/s"
}

// traffic is what goes through the mount.
func (p *topPicture) traffic() {
	b, n := p.before, p.now
	p.labelled("reads", "%11s   memory %s, disk %s, network %s", p.bytes(b.ReadBytes, n.ReadBytes),
		p.bytes(b.Cache.MemoryBytes, n.Cache.MemoryBytes), p.bytes(b.Cache.DiskBytes, n.Cache.DiskBytes), p.bytes(b.Cache.SourceBytes, n.Cache.SourceBytes))
	p.labelled("writes", "%11s   sent %s", p.bytes(b.WrittenBytes, n.WrittenBytes), p.bytes(b.Client.SentBytes, n.Client.SentBytes))
	p.labelled("fetched", "%11s   %s so far, %s of them not read", p.bytes(b.Cache.FetchedBytes, n.Cache.FetchedBytes),
		humanize.IBytes(uint64(n.Cache.FetchedBytes)), humanize.IBytes(uint64(n.Cache.UnreadBytes)))
	trips := tripsOf(n).Since(tripsOf(b))
	p.labelled("server", "%9.1f/s   each %s, %d sent again so far", p.rate(0, trips.Count), roughly(trips.Mean()), n.Client.Retries)
	operations := operationsOf(n).Since(operationsOf(b))
	p.labelled("kernel", "%9.1f/s   each %s", p.rate(0, operations.Count), roughly(operations.Mean()))
}

func tripsOf(s fs.Stats) (all latency.Counts) {
	for _, t := range s.Client.Trips {
		all.Count, all.Sum = all.Count+t.Count, all.Sum+t.Sum
	}
	return all
}

func operationsOf(s fs.Stats) (all latency.Counts) {
	for _, o := range s.Operations {
		all.Count, all.Sum = all.Count+o.Count, all.Sum+o.Sum
	}
	return all
}

// stores is what is kept here.
func (p *topPicture) stores() {
	n := p.now
	p.store("memory", n.Cache.CachedBytes, n.Cache.LimitBytes)
	if n.Disk != nil {
		p.store("disk", n.Disk.Held, n.Disk.Limit)
	}
	p.store("spool", n.Spool.Used+n.Spool.Lost, n.Spool.Limit)
	age := "not listed yet"
	if n.Catalog.Age > 0 {
		age = "listed " + roughly(n.Catalog.Age) + " ago"
	}
	p.labelled("images", "%d, %s", n.Catalog.Images, age)
}

func (p *topPicture) store(label string, held, limit int64) {
	p.labelled(label, "%s %s of %s", bar(held, limit, p.width/3), humanize.IBytes(uint64(max(0, held))), humanize.IBytes(uint64(max(0, limit))))
}

// uploads is what is on its way, and what failed last.
func (p *topPicture) uploads() {
	u := p.now.Uploads
	p.labelled("uploads", "%d running, %d stored, %d failed, %d abandoned", u.Files, u.Stored, u.Failed, u.Abandoned)
	for _, up := range u.Running {
		p.line(fmt.Sprintf("  %s %s of %s  %s  %s", bar(up.Sent, up.Size, p.width/4), humanize.IBytes(uint64(up.Sent)), humanize.IBytes(uint64(up.Size)),
			p.bytes(p.sentBefore(up), up.Sent), printable(up.Path)))
	}
	const most = 3
	for _, up := range u.Recent[max(0, len(u.Recent)-most):] {
		p.line(topBad.Render(fmt.Sprintf("  %s %s ago: %s: ", up.State, roughly(p.now.Time.Sub(up.Ended)), printable(up.Path))) + printable(up.Error))
	}
}

// sentBefore is how far an upload was; one that begins anew has made no way since.
func (p *topPicture) sentBefore(up fs.Upload) int64 {
	for _, before := range p.before.Uploads.Running {
		if before.Path == up.Path && before.Began.Equal(up.Began) {
			return min(before.Sent, up.Sent)
		}
	}
	return 0
}

// files are those that are open.
func (p *topPicture) files() {
	p.labelled("open", "%d (handles: %d)", len(p.now.Files), p.now.OpenFiles)
	for _, f := range p.now.Files {
		way := "r "
		if f.Writing {
			way = "rw"
		}
		p.line("  " + way + " " + printable(f.Path))
	}
}

// bar shows a part of a whole.
func bar(part, whole int64, width int) string {
	full := 0
	if whole > 0 {
		full = int(min(max(part, 0), whole) * int64(width) / whole)
	}
	return topFull.Render(strings.Repeat("█", full)) + topEmpty.Render(strings.Repeat("░", width-full))
}

// roughly is a time as one says it.
func roughly(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
