package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/visserver"
)

// shutdownGrace is how long an ending server waits for running requests.
const shutdownGrace = 10 * time.Second

func newServe() *cobra.Command {
	var s settings
	var listen, data string
	var noRange, debug bool
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Be a VIS server",
		Long: `Keeps images in a directory and serves them as a VIS server, until Ctrl-C or
SIGTERM. A line on standard output says when it is ready. An upload is answered
when the image is on disk.
` + settingsHelp,
		Example: `  VISOR_ACCESS_KEY=me VISOR_SECRET_KEY=secret visorfs serve --listen 0.0.0.0:4568 --data /srv/visor`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := s.resolve()
			if err != nil {
				return err
			}
			if err := requireKeys(o); err != nil {
				return err
			}
			server, err := startServer(listen, visserver.Options{
				Dir:         data,
				Users:       map[string]string{o.AccessKey: o.SecretKey},
				IgnoreRange: noRange,
				Logger:      newLogger(debug),
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "visorfs: serving the images of %s at %s\n", data, server.url)
			select {
			case <-cmd.Context().Done():
			case err := <-server.failed:
				return errors.Join(err, server.stop())
			}
			return server.stop()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:4568", "`HOST:PORT` to listen on; 0.0.0.0 as host for every network")
	flags.StringVar(&data, "data", defaultDataDir(), "`DIR` of the images and their database")
	flags.BoolVar(&noRange, "no-range", false, "ignore Range, as the original server does")
	flags.BoolVar(&debug, "debug", false, "log every request")
	s.addKeys(flags)
	return cmd
}

// defaultDataDir is where a user's programs keep data.
func defaultDataDir() string {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "visor-data"
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "visorfs")
}

// server is a running VIS server.
type server struct {
	url    string
	vis    *visserver.Server
	http   *http.Server
	failed chan error // gets why the server ended, if nobody stopped it
}

// startServer opens the repository and listens. The URL of o is set here.
func startServer(listen string, o visserver.Options) (*server, error) {
	listener, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop that, or choose another port with --listen", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", listen, err)
	}
	s := &server{url: "http://" + listener.Addr().String(), failed: make(chan error, 1)}
	o.URL = s.url
	if s.vis, err = visserver.New(o); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.http = &http.Server{
		Handler:           s.vis,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    80 << 10, // as the original
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelInfo),
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// stop ends the server: running requests get a while to finish.
func (s *server) stop() error {
	ctx, cancel := graceful(shutdownGrace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = s.http.Close()
	}
	return errors.Join(err, s.vis.Close())
}
