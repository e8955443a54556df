package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// meterStep is how often a rate is taken: rates over single writes jump.
const meterStep = 100 * time.Millisecond

// meter is a writer that shows on a terminal how much was written to it, how fast, and
// how long the rest will take. It shows nothing where nobody looks.
type meter struct {
	progress *mpb.Progress // nil when nothing is shown
	bar      *mpb.Bar
	total    int64 // bytes; 0 when it is not known
	shown    int64
	pending  int64 // bytes since
	since    time.Time
}

// newMeter shows a transfer of total bytes, 0 when that is not known, of which some are
// done. It must be stopped.
func newMeter(cmd *cobra.Command, quiet bool, label string, total, done int64) *meter {
	out := cmd.ErrOrStderr()
	if quiet || !isTerminal(out) {
		return &meter{}
	}
	m := &meter{progress: mpb.NewWithContext(cmd.Context(), mpb.WithOutput(out)), total: total, shown: done, since: time.Now()}
	builder, decorators := meterStyle(snip(printable(label), 32), total)
	m.bar = m.progress.New(total, builder, decorators...)
	if done > 0 {
		m.bar.SetCurrent(done)
		m.bar.SetRefill(done)
	}
	return m
}

func meterStyle(label string, total int64) (mpb.BarFillerBuilder, []mpb.BarOption) {
	const smooth = 30 // steps
	name := decor.Name(label + columnSpace)
	rate := decor.EwmaSpeed(decor.SizeB1024(0), "% .1f", smooth)
	if total == 0 {
		return mpb.NopStyle(), []mpb.BarOption{
			mpb.PrependDecorators(name, decor.CurrentKibiByte("% .1f"+columnSpace), rate),
		}
	}
	left := decor.EwmaETA(decor.ET_STYLE_GO, smooth)
	return mpb.BarStyle(), []mpb.BarOption{
		mpb.PrependDecorators(name, decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(rate, decor.Name(columnSpace), left),
	}
}

func (m *meter) Write(p []byte) (int, error) {
	if m.bar == nil {
		return len(p), nil
	}
	m.pending += int64(len(p))
	if m.total > 0 && m.shown+m.pending >= m.total {
		return len(p), nil // a bar that is full ends, and an upload may have to begin again
	}
	if now := time.Now(); now.Sub(m.since) >= meterStep {
		m.bar.EwmaIncrInt64(m.pending, now.Sub(m.since))
		m.shown += m.pending
		m.pending, m.since = 0, now
	}
	return len(p), nil
}

// rewind says that a transfer goes on from so many bytes.
func (m *meter) rewind(done int64) {
	if m.bar == nil {
		return
	}
	m.bar.SetCurrent(done)
	m.shown, m.pending, m.since = done, 0, time.Now()
}

// stop takes the meter off the terminal.
func (m *meter) stop() {
	if m.bar == nil {
		return
	}
	m.bar.Abort(true)
	m.progress.Wait()
}
