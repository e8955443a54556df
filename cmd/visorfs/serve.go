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
	"github.com/visorfs/visorfs/visserver/original"
)

// shutdownGrace is how long an ending server waits for running requests.
const shutdownGrace = 10 * time.Second

func newServe() *cobra.Command {
	var s settings
	var listen, data string
	var noRange, likeOriginal, debug bool
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
			users, logger := map[string]string{o.AccessKey: o.SecretKey}, newLogger(debug)
			open := openVIS(visserver.Options{Dir: data, Users: users, IgnoreRange: noRange, Logger: logger})
			if likeOriginal {
				open = openOriginal(original.Options{Dir: data, Users: users, Logger: logger})
			}
			server, err := startServer(listen, open)
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
	flags.BoolVar(&likeOriginal, "like-original", false, "play the server of 2012 with all its ways, for tests; it loses and leaks what that one did")
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

// service is what listens: the VIS server of this project, or the original's player.
type service interface {
	Serve(net.Listener) error // until Shutdown or Close, then http.ErrServerClosed
	Shutdown(context.Context) error
	Close() error
}

// opener opens a repository that will be served at a URL.
type opener func(url string) (service, error)

func openVIS(o visserver.Options) opener {
	return func(url string) (service, error) {
		o.URL = url
		vis, err := visserver.New(o)
		if err != nil {
			return nil, err
		}
		return &visService{vis: vis, Server: http.Server{
			Handler:           vis,
			ReadHeaderTimeout: 30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    80 << 10, // as the original
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelInfo),
		}}, nil
	}
}

func openOriginal(o original.Options) opener {
	return func(url string) (service, error) {
		o.URL = url
		return original.New(o)
	}
}

// visService is a VIS server behind net/http's.
type visService struct {
	http.Server
	vis *visserver.Server
}

func (s *visService) Shutdown(ctx context.Context) error {
	err := s.Server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return s.Close()
	}
	return errors.Join(err, s.vis.Close())
}

func (s *visService) Close() error { return errors.Join(s.Server.Close(), s.vis.Close()) }

// server is a running VIS server.
type server struct {
	service
	url    string
	failed chan error // gets why the server ended, if nobody stopped it
}

// startServer listens, opens the repository, and serves it.
func startServer(listen string, open opener) (*server, error) {
	listener, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop that, or choose another port with --listen", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", listen, err)
	}
	s := &server{url: "http://" + listener.Addr().String(), failed: make(chan error, 1)}
	if s.service, err = open(s.url); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// stop ends the server: running requests get a while to finish.
func (s *server) stop() error {
	ctx, cancel := graceful(shutdownGrace)
	defer cancel()
	return s.Shutdown(ctx)
}
