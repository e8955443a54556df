package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// The user of the demo, as in VISOR's own examples.
const (
	demoAccessKey = "foo"
	demoSecretKey = "bar"
)

func newDemo() *cobra.Command {
	var listen, data string
	var m mountFlags
	cmd := &cobra.Command{
		Use:   "demo [flags] MOUNTPOINT",
		Short: "Try it: a server and a mount in one",
		Long: `Starts a VIS server of its own and mounts it on the empty directory MOUNTPOINT,
until it is unmounted, or ended with Ctrl-C or SIGTERM. The user has the access key
"foo" and the secret key "bar". Without --data the images are gone at the end.`,
		Example: `  mkdir images
  visorfs demo images &
  cp debian.iso images/ && getfattr -d images/debian.iso`,
		Args: oneArgument("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := m.applyOptions(cmd.Flags()); err != nil {
				return err
			}
			closeLog, err := m.openLog(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeLog(err)) }()
			if err := m.clear(args[0]); err != nil {
				return err
			}
			dir, cleanup, err := demoDir(data)
			if err != nil {
				return err
			}
			defer cleanup()
			return runDemo(cmd, listen, dir, &m, args[0])
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`HOST:PORT` of the server; port 0 is any that is free")
	cmd.Flags().StringVar(&data, "data", "", "`DIR` to keep the images in")
	m.add(cmd.Flags())
	return cmd
}

// demoDir returns the directory of the images; one that was not asked for is removed
// by cleanup.
func demoDir(data string) (dir string, cleanup func(), err error) {
	if data != "" {
		return data, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "visorfs-demo-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

func runDemo(cmd *cobra.Command, listen, dir string, m *mountFlags, mountpoint string) (err error) {
	server, err := startServer(listen, openVIS(visserver.Options{
		Dir:    dir,
		Users:  map[string]string{demoAccessKey: demoSecretKey},
		Logger: m.logger,
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	go func() {
		select {
		case err := <-server.failed:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	client, err := visclient.New(visclient.Options{URL: server.url, AccessKey: demoAccessKey, SecretKey: demoSecretKey})
	if err != nil {
		return err
	}
	m.spoolDir = cmp.Or(m.spoolDir, filepath.Join(dir, "spool"))
	return runMount(ctx, cmd.OutOrStdout(), client, m, mountpoint, func() string {
		return fmt.Sprintf("demo repository %s (access key %s, secret key %s) is mounted on %s; Ctrl-C ends it",
			server.url, demoAccessKey, demoSecretKey, mountpoint)
	})
}
