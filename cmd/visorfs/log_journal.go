package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"syscall"
)

// journalHandler writes for the systemd journal, see sd-daemon(3): it notes the time
// itself, and takes a line's priority from its start.
type journalHandler struct {
	priorities []priority // falling
}

type priority struct {
	least slog.Level
	slog.Handler
}

func newJournalHandler(form func(io.Writer, func([]string, slog.Attr) slog.Attr) slog.Handler) journalHandler {
	var h journalHandler
	for _, p := range []struct {
		least  slog.Level
		prefix string
	}{{slog.LevelError, "<3>"}, {slog.LevelWarn, "<4>"}, {slog.LevelInfo, "<6>"}, {slog.LevelDebug, "<7>"}} {
		h.priorities = append(h.priorities, priority{p.least, form(prefixed{os.Stderr, p.prefix}, withoutTime)})
	}
	return h
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// prefixed puts something before each write: a line of a handler is one.
type prefixed struct {
	to     io.Writer
	prefix string
}

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.to.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (h journalHandler) of(level slog.Level) slog.Handler {
	for _, p := range h.priorities {
		if level >= p.least {
			return p.Handler
		}
	}
	return h.priorities[len(h.priorities)-1].Handler
}

func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(of slog.Handler) slog.Handler { return of.WithAttrs(attrs) })
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return h.with(func(of slog.Handler) slog.Handler { return of.WithGroup(name) })
}

func (h journalHandler) with(change func(slog.Handler) slog.Handler) journalHandler {
	changed := slices.Clone(h.priorities)
	for i := range changed {
		changed[i].Handler = change(changed[i].Handler)
	}
	return journalHandler{changed}
}

// isJournal reports whether a file is a stream to the journal: systemd names it in a
// variable, which children have too whose streams go elsewhere.
func isJournal(file *os.File) bool {
	name := os.Getenv("JOURNAL_STREAM")
	if name == "" {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && name == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
