package original

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// keptBytes is Ruby's write buffer: a last block under it stayed in memory until a
// garbage collection closed the file.
const keptBytes = 8 << 10

// copier moves uploads into the store after the reply to them has gone out.
type copier struct {
	pause   time.Duration // after each block
	collect time.Duration // from the last block to the garbage collection

	hurry  chan struct{} // closed: no more pauses, an orderly exit flushes what it holds
	killed chan struct{} // closed: nothing is written any more
	once   struct{ hurry, kill sync.Once }
	copies sync.WaitGroup
}

func newCopier(pause, collect time.Duration) *copier {
	return &copier{pause: pause, collect: collect, hurry: make(chan struct{}), killed: make(chan struct{})}
}

// start copies in the background; both files are closed in the end.
func (c *copier) start(from, to *os.File) {
	c.copies.Go(func() {
		defer func() { _, _ = from.Close(), to.Close() }() // a copy that fails is a short file, as ever
		c.copy(from, to)
	})
}

func (c *copier) copy(from io.ReaderAt, to io.Writer) {
	block := make([]byte, blockBytes)
	due := time.Now() // of the next block
	for offset := int64(0); ; offset += blockBytes {
		n, err := from.ReadAt(block, offset)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return
		}
		if n < keptBytes {
			c.sleep(c.collect)
		}
		if c.isKilled() {
			return
		}
		if _, err := to.Write(block[:n]); err != nil || n < blockBytes {
			return
		}
		due = due.Add(c.pause)
		if early := time.Until(due); early >= shortestSleep {
			c.sleep(early)
		}
	}
}

// shortestSleep is what the system's timers can do. Shorter pauses add up to it.
const shortestSleep = time.Millisecond

// sleep waits, unless there is a hurry.
func (c *copier) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurry:
	case <-c.killed:
	}
}

func (c *copier) isKilled() bool {
	select {
	case <-c.killed:
		return true
	default:
		return false
	}
}

// finish waits for the copies to end, which they now do without pauses. None may
// be started any more.
func (c *copier) finish() {
	c.once.hurry.Do(func() { close(c.hurry) })
	c.wait()
}

// kill stops all copies where they are.
func (c *copier) kill() { c.once.kill.Do(func() { close(c.killed) }) }

// wait waits for the copies to end. None may be started any more.
func (c *copier) wait() { c.copies.Wait() }
