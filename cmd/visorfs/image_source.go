package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// stdio stands for standard input or output where a file is named.
const stdio = "-"

// upload calls send with the data of a file under a meter, or with nil for no file. A
// file that is known to be too large for the server is not sent.
func upload(cmd *cobra.Command, client *visclient.Client, file string, quiet bool, send func(io.Reader) (*meta.Image, error)) (*meta.Image, error) {
	if file == "" {
		return send(nil)
	}
	s, err := openSource(cmd, file)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if limit := client.MaxImageBytes(); s.size > limit {
		return nil, fmt.Errorf("%s has %d bytes: %w, which takes %d", s.label, s.size, visclient.ErrTooLarge, limit)
	}
	m := newMeter(cmd, quiet, s.label, s.size, 0)
	defer m.stop()
	if s.file == nil {
		return send(io.TeeReader(s.reader, m))
	}
	return send(&rereadable{source: s, meter: m})
}

// source is where the data of an image are read.
type source struct {
	reader *bufio.Reader
	file   *os.File // under reader; nil for what can be read only once
	label  string
	size   int64 // bytes; 0 when it is not known
	close  func() error
}

// rereadable is a file under a meter, for an upload that is sent again when it breaks.
type rereadable struct {
	*source
	meter *meter
	at    int64
}

func (r *rereadable) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	r.at += int64(n)
	_, _ = r.meter.Write(p[:n])
	return n, err
}

// Seek goes to an offset from the start of the file, or tells the present one.
func (r *rereadable) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent && offset == 0 {
		return r.at, nil
	}
	if whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	if _, err := r.file.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	r.reader.Reset(r.file)
	r.at = offset
	r.meter.rewind(offset)
	return offset, nil
}

// openSource opens a file, or standard input, that must hold something: to VIS no data
// and no image are one.
func openSource(cmd *cobra.Command, file string) (*source, error) {
	s, err := openAny(cmd, file)
	if err != nil {
		return nil, err
	}
	if _, err = s.reader.Peek(1); err == io.EOF {
		err = fmt.Errorf("%s is empty, and VIS stores no empty image; attributes alone are registered without FILE", s.label)
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

func openAny(cmd *cobra.Command, file string) (*source, error) {
	if file == stdio {
		return &source{
			reader: bufio.NewReader(interruptible(cmd.Context(), cmd.InOrStdin())),
			label:  "standard input",
			close:  func() error { return nil },
		}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	s := &source{label: filepath.Base(file), close: f.Close}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		s.size, s.file = info.Size(), f
		s.reader = bufio.NewReader(f)
	} else {
		s.reader = bufio.NewReader(interruptible(cmd.Context(), f))
	}
	return s, nil
}
