package main

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
)

// logFile is a file that may be renamed under the program, and is then opened anew.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
}

func openLogFile(path string) (*logFile, error) {
	path, err := filepath.Abs(path) // for when it is opened anew
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	f := &logFile{path: path}
	if err := f.reopen(); err != nil {
		return nil, explainLogFile("log-file", path, err)
	}
	return f, nil
}

// explainLogFile says why the file of a flag could not be opened, and what to do.
func explainLogFile(flag, path string, err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return fmt.Errorf("--%s %s: its directory is missing; make it with: mkdir -p %s", flag, path, filepath.Dir(path))
	}
	return fmt.Errorf("--%s %s: %w; name a file that you may write", flag, path, withoutPath(err))
}

// reopen opens the file of that name, whichever it is now.
func (f *logFile) reopen() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // names of private images are in it
	if err != nil {
		return err
	}
	_ = debug.SetCrashOutput(file, debug.CrashOptions{}) // of a daemon nobody sees standard error
	f.mu.Lock()
	old := f.file
	f.file = file
	f.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

func (f *logFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(line)
}

func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// reopenOnSIGHUP does so until stop; what fails is said in the file that is open still.
func (f *logFile) reopenOnSIGHUP(log *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range hangups {
			if err := f.reopen(); err != nil {
				log.Error("the log file cannot be opened anew, this one goes on", "err", err)
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-ended
	}
}
