package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/visclient"
)

// runMount mounts, says ready, and serves until the mount ends or ctx does.
func runMount(ctx context.Context, out io.Writer, client *visclient.Client, m *mountFlags, dir string, ready func() string) error {
	boundHeap(int64(m.memory))
	logger := m.logger
	o := m.fsOptions(client, logger)
	o.LogLevel = m.log.least
	metrics, err := listenMetrics(m.metrics, logger)
	if err != nil {
		return err
	}
	defer metrics.close()
	if o.Disk, err = m.openDisk(dir, logger); err != nil {
		return err
	}
	if o.Spool, err = m.openSpool(dir, logger); err != nil {
		return errors.Join(err, closeStores(o))
	}
	mount, err := fs.New(dir, o)
	if err != nil {
		return errors.Join(err, closeStores(o))
	}
	metrics.serve(mountCollector{mount.Stats})
	defer openStatsSocket(mount, logger).close()
	if err := leaveDirectory(); err != nil {
		logger.Warn("staying in the directory where it was started", "err", err)
	}
	fmt.Fprintf(out, "visorfs: %s\n", ready())
	tellLauncher(readyWord + ready())
	notify(daemon.SdNotifyReady)
	return m.serve(ctx, mount, dir)
}

// serve returns when the mount has ended, and ends it when ctx does.
func (m *mountFlags) serve(ctx context.Context, mount *fs.Mount, dir string) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go adaptProcessors(watching, mount.Requests)
	go notifyStatus(watching, mount, dir)
	select {
	case <-mount.Ended():
		return nil
	case <-ctx.Done():
	}
	notify(daemon.SdNotifyStopping)
	limit, cancel := graceful(m.stopTimeout)
	defer cancel()
	return mount.Stop(limit)
}

// graceful returns a context that ends after a while, or at a second signal.
func graceful(d time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, d)
	return ctx, func() { cancel(); stop() }
}
