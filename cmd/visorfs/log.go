package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// logFlags say where the log goes, in what form, and how much of it.
type logFlags struct {
	format string
	file   string
	level  string
	debug  bool

	least *slog.LevelVar // that is logged now: it can be changed while the program runs
}

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

func (l *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.format, "log-format", "text", "`FORM` of the log's lines: text or json")
	flags.StringVar(&l.file, "log-file", "", "append the log to `FILE` instead of standard error; SIGHUP has it opened anew")
	flags.StringVar(&l.level, "log-level", "info", "least `LEVEL` that is logged: debug, info, warn or error")
	flags.BoolVar(&l.debug, "debug", false, "log every step, as --log-level debug")
	demand(flags, "log-format", "give text or json", func() bool { return slices.Contains(logFormats, l.format) })
	demand(flags, "log-level", "give debug, info, warn or error", func() bool { return slices.Contains(logLevels, l.level) })
}

// open returns the log, and what ends it.
func (l *logFlags) open() (*slog.Logger, func() error, error) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.level)) // the flag takes no other
	if l.debug {
		level = slog.LevelDebug
	}
	l.least = new(slog.LevelVar)
	l.least.Set(level)
	if l.file == "" {
		if isJournal(os.Stderr) {
			return slog.New(newJournalHandler(l.handler)), func() error { return nil }, nil
		}
		return slog.New(l.handler(os.Stderr, nil)), func() error { return nil }, nil
	}
	file, err := openLogFile(l.file)
	if err != nil {
		return nil, nil, err
	}
	logger := slog.New(l.handler(file, nil))
	stop := file.reopenOnSIGHUP(logger)
	return logger, func() error { stop(); return file.Close() }, nil
}

// handler writes lines in the form that was asked for.
func (l *logFlags) handler(w io.Writer, replace func([]string, slog.Attr) slog.Attr) slog.Handler {
	o := &slog.HandlerOptions{Level: l.least, ReplaceAttr: replace}
	if l.format == "json" {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// openLog opens the log of a mount. The returned function ends it, and says in a file why
// the mount ended: nobody may have seen standard error.
func (m *mountFlags) openLog(mountpoint string) (closeLog func(error) error, err error) {
	if m.log.file != "" {
		if err := checkOutside("log-file", m.log.file, mountpoint); err != nil {
			return nil, err
		}
	}
	logger, end, err := m.log.open()
	if err != nil {
		return nil, err
	}
	m.logger = logger
	return func(failure error) error {
		var told daemonError // which the daemon itself has said there
		if failure != nil && m.log.file != "" && !errors.As(failure, &told) {
			logger.Error(failure.Error())
		}
		return end()
	}, nil
}

// complain writes why the program fails, for whoever started it.
func complain(err error) {
	prefix := ""
	if isJournal(os.Stderr) {
		prefix = "<3>"
	}
	text := printableLines(err.Error())
	for line := range strings.SplitSeq("visorfs: "+text, "\n") {
		fmt.Fprintf(os.Stderr, "%s%s\n", prefix, line)
	}
	tellLauncher(text)
}
