package fs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// readersGrace is how long an ending mount waits for who uses it without writing: a
// reader's end is nobody's loss, and may never come.
const readersGrace = 10 * time.Second

// Ended is closed when the directory is not mounted any more, whoever unmounted it, and
// nothing of the mount is left to be done.
func (m *Mount) Ended() <-chan struct{} { return m.ended }

// Stop ends the mount. Files that are being written or uploaded are finished, others are
// not opened to write any more (EROFS). When ctx ends first, what is not stored yet is
// kept in lost+found of the spool, and its programs get an error; the directory is
// detached, so that it disappears at once, and the error says so. The same happens to
// programs that only read, or stay in the directory, after 10 seconds. A mount that another
// mount namespace (of a container, say) has a copy of ends when nothing there uses it.
func (m *Mount) Stop(ctx context.Context) error {
	m.vol.stopping.Store(true)
	if m.unmountUnused(ctx) && m.waitForEnd(ctx) {
		return nil
	}
	err := fmt.Errorf("%s was still in use, and was detached", m.dir)
	if n := m.vol.breakOff(); n > 0 {
		err = fmt.Errorf("%w; files that were not stored: %d (the log says what is kept in lost+found)", err, n)
	}
	err = errors.Join(err, m.detach())
	const replies = time.Second // for programs to get theirs
	select {
	case <-m.ended:
	case <-time.After(replies):
	}
	m.close()
	return err
}

// unmountUnused unmounts the directory when nobody uses it any more. It reports false
// when that takes too long.
func (m *Mount) unmountUnused(ctx context.Context) bool {
	const pause = 100 * time.Millisecond
	for written := time.Now(); time.Since(written) < readersGrace; {
		if m.isOn() && Unmount(m.dir, false) == nil {
			return true
		}
		if len(m.vol.writing()) > 0 {
			written = time.Now()
		}
		select {
		case <-time.After(pause):
		case <-m.ended:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// waitForEnd waits, once the directory is unmounted, until nothing is left to be done: a file
// that was closed by the end of its program may not be stored yet, and a copy of the mount in
// another namespace may be in use. It reports false when that takes too long.
func (m *Mount) waitForEnd(ctx context.Context) bool {
	const pause, unused = 100 * time.Millisecond, 2 * time.Second
	for busy, written := time.Now(), time.Now(); time.Since(written) < readersGrace; {
		if len(m.vol.writing()) > 0 {
			busy, written = time.Now(), time.Now()
		}
		if handles, _ := m.vol.openFiles(); handles > 0 {
			busy = time.Now()
		}
		if time.Since(busy) > unused {
			m.vol.log.Info("another mount namespace has a copy of the mount, which nothing uses", "mountpoint", m.dir)
			m.close()
			return true
		}
		select {
		case <-m.ended:
			return true
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// isOn reports whether it is this mount that unmounting the directory would end: somebody
// may have detached it, or mounted another one over it.
func (m *Mount) isOn() bool {
	on, err := FindMount(m.dir)
	return err == nil && on != nil && on.device == m.device
}

func (m *Mount) detach() error {
	if !m.isOn() {
		return nil
	}
	return Unmount(m.dir, true)
}

// breakOff ends all uploads, and keeps what is not stored where its user finds it. It
// returns how many files that concerns.
func (v *volume) breakOff() (unsaved int) {
	v.endUploads()
	for path, n := range v.writing() {
		d := n.currentDraft()
		if d == nil || !d.isUnsaved() {
			continue
		}
		unsaved++
		if d.breakOff() {
			v.log.Error("upload abandoned: the mount ended before the file was closed", "path", "/"+path)
		}
	}
	return unsaved
}

// breakOff reports false if a commit that was under way has failed first, as it should
// when all uploads end, and has said and kept what there is.
func (d *draft) breakOff() bool {
	const patience = 5 * time.Second // for whoever has the turn to notice
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.take(ctx); err != nil {
		d.salvage()
		return true
	}
	defer d.pass()
	if !d.isUnsaved() {
		return false
	}
	d.salvage()
	d.fail(errStopped)
	return true
}

// close lets go of what the mount used.
func (v *volume) close() {
	v.catalog.Close()
	v.notifier.close()
	v.logReads()
	if err := v.cache.Close(); err != nil {
		v.log.Warn("closing the disk cache", "err", err)
	}
	if err := v.spool.Close(); err != nil {
		v.log.Warn("closing the spool", "err", err)
	}
}
