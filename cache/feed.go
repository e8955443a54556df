package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// maxTries in a row without a new byte, with their pauses, take some seconds: so long
	// may a server need to have an object in place that it took a moment ago.
	maxTries = 9

	firstBackoff = 50 * time.Millisecond // doubles with each try
	maxBackoff   = 2 * time.Second
)

// ErrShort is the cause when the bodies of a source end before the object does, as if they
// were complete. One that breaks off has the error of its connection.
var ErrShort = fmt.Errorf("the body is short: %w", io.ErrUnexpectedEOF)

// feed reads a source in order and hides its breaks: it opens a new body at the next
// missing byte when one fails or is short.
type feed struct {
	open  func() (Body, error) // from off, or from before
	count *atomic.Int64        // bytes read from bodies

	off   int64         // the next byte to give
	body  io.ReadCloser // nil: to be opened
	local bool          // body costs the source nothing
	at    int64         // the next byte of body, at most off
	tries int           // opens since the last new byte

	patience time.Duration // without a new byte, after which there is no other try; 0 for no bound
	since    time.Time     // when it began: with the last new byte, or with who wants one
}

// connect opens the first body.
func (f *feed) connect(ctx context.Context) error {
	f.since = time.Now()
	for f.body == nil {
		if err := f.reopen(); err != nil {
			if err := f.backOff(ctx, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill fills p with the next bytes.
func (f *feed) fill(ctx context.Context, p []byte) error {
	f.since = time.Now()
	for len(p) > 0 {
		n, err := f.read(p)
		p = p[n:]
		if err == nil {
			continue
		}
		f.close()
		if len(p) == 0 {
			break
		}
		if err := f.backOff(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// read reads from the body, once.
func (f *feed) read(p []byte) (int, error) {
	if f.body == nil {
		if err := f.reopen(); err != nil {
			return 0, err
		}
	}
	if err := f.skip(); err != nil {
		return 0, err
	}
	n, err := f.body.Read(p)
	f.counted(int64(n))
	f.at += int64(n)
	f.off += int64(n)
	if n > 0 {
		f.tries, f.since = 0, time.Now()
	}
	if err == io.EOF {
		err = ErrShort
	}
	return n, err
}

// skip reads what comes before off.
func (f *feed) skip() error {
	n, err := io.CopyN(io.Discard, f.body, f.off-f.at)
	f.counted(n)
	f.at += n
	switch {
	case err == io.EOF:
		err = ErrShort
	case err == nil && n > 0:
		f.since = time.Now()
	}
	return err
}

func (f *feed) counted(n int64) {
	if !f.local {
		f.count.Add(n)
	}
}

func (f *feed) reopen() error {
	f.tries++
	body, err := f.open()
	if err != nil {
		return err
	}
	f.body, f.local, f.at = body, body.Local, body.Start
	return nil
}

func (f *feed) close() {
	if f.body != nil {
		_ = f.body.Close() // it was only read
		f.body = nil
	}
}

// backOff waits before the next try, or returns why there is none.
func (f *feed) backOff(ctx context.Context, err error) error {
	if f.tries >= maxTries || isPermanent(err) {
		return err
	}
	pause := min(firstBackoff<<max(f.tries-1, 0), maxBackoff)
	pause = pause/2 + rand.N(pause/2)
	if f.patience > 0 && time.Since(f.since)+pause > f.patience {
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
