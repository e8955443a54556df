package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	iofs "io/fs"
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
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Be a VIS server",
		Long: `Keeps images in a directory and serves them as a VIS server, until Ctrl-C or
SIGTERM. A line on standard output says when it is ready. An upload is answered
when the image is on disk. At the end running requests get 10 seconds; uploads
that last longer are ended, and nothing stays of them.

A server has one user, whose keys are taken from where every command takes them,
or those of a file that --users names: lines of

  access key: secret key

in YAML. Nobody but its owner may be able to read it (chmod 600 FILE). With
--users only keys given as flags count beside it.

A request whose Date is more than --date-skew from this machine's clock is refused,
so that a signature which was overheard is soon worth nothing. 0 takes any Date.

With --allow-location file:///DIR users may register files below DIR as images,
by location. They are served from there and never written or removed; every user
can read every file in there that this server can read.
` + settingsHelp,
		Example: `  VISOR_ACCESS_KEY=me VISOR_SECRET_KEY=secret visorfs serve --listen 0.0.0.0:4568 --data /srv/visor
  visorfs serve --users /etc/visor/users.yml --tls-cert vis.pem --tls-key vis.key --access-log /var/log/vis.log`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd.Flags())
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

// opener opens a repository that will be served at a URL, with TLS unless it is nil.
type opener func(url string, tlsConfig *tls.Config) (service, error)

func openVIS(o visserver.Options) opener {
	return func(url string, tlsConfig *tls.Config) (service, error) {
		o.URL = url
		vis, err := visserver.New(o)
		var path *iofs.PathError
		if errors.Is(err, visserver.ErrInUse) || errors.As(err, &path) {
			return nil, fmt.Errorf("%w; choose another directory with --data", err)
		}
		if err != nil {
			return nil, err
		}
		// One protocol with and without TLS; HTTP/2 would share one flow control
		// window among the uploads of a client.
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		return &visService{vis: vis, Server: http.Server{
			Handler:           vis,
			TLSConfig:         tlsConfig,
			Protocols:         protocols,
			ReadHeaderTimeout: 30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    80 << 10, // as the original
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelInfo),
		}}, nil
	}
}

func openOriginal(o original.Options) opener {
	return func(url string, _ *tls.Config) (service, error) {
		o.URL = url
		return original.New(o)
	}
}

// visService is a VIS server behind net/http's.
type visService struct {
	http.Server
	vis *visserver.Server
}

func (s *visService) Serve(listener net.Listener) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(listener, "", "")
	}
	return s.Server.Serve(listener)
}

func (s *visService) Shutdown(ctx context.Context) error {
	err := s.Server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return s.Close()
	}
	return errors.Join(err, s.vis.Close())
}

// Close ends uploads first, while they can still be told why.
func (s *visService) Close() error { return errors.Join(s.vis.Close(), s.Server.Close()) }

// server is a running VIS server.
type server struct {
	service
	url    string
	failed chan error // gets why the server ended, if nobody stopped it
}

// startServer listens, opens the repository, and serves it.
func startServer(listen string, open opener) (*server, error) { return startTLS(listen, nil, open) }

// startTLS is startServer with TLS, unless tlsConfig is nil.
func startTLS(listen string, tlsConfig *tls.Config, open opener) (*server, error) {
	listener, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop that, or choose another port with --listen", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w; give HOST:PORT, the host an address of this machine", listen, err)
	}
	scheme := "http://"
	if tlsConfig != nil {
		scheme = "https://"
	}
	s := &server{url: scheme + listener.Addr().String(), failed: make(chan error, 1)}
	if s.service, err = open(s.url, tlsConfig); err != nil {
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
