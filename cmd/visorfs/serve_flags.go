package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/visserver"
	"github.com/visorfs/visorfs/visserver/original"
)

const defaultMaxUploads = 64

// serveFlags are the flags of serve.
type serveFlags struct {
	settings
	set *pflag.FlagSet // which were given

	listen       string
	data         string
	users        string // file
	tlsCert      string // file
	tlsKey       string // file
	accessLog    string // file, or - for standard output
	dateSkew     time.Duration
	maxImage     size
	maxUploads   int
	locations    []string
	noRange      bool
	likeOriginal bool
	log          logFlags
	metrics      string
}

func (f *serveFlags) add(flags *pflag.FlagSet) {
	f.set = flags
	flags.StringVar(&f.listen, "listen", "127.0.0.1:4568", "`HOST:PORT` to listen on; 0.0.0.0 as host for every network")
	flags.StringVar(&f.data, "data", defaultDataDir(), "`DIR` of the images and their database")
	flags.StringVar(&f.users, "users", "", "YAML `FILE` of the users: a line \"access key: secret key\" for each")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM `FILE` of the certificate, and of those between it and its root: serve https")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM `FILE` of the certificate's key")
	flags.StringVar(&f.accessLog, "access-log", "", "append a line per request to `FILE`; - is standard output")
	flags.DurationVar(&f.dateSkew, "date-skew", 15*time.Minute, "how far a request's Date may be from the clock, as `TIME` like 15m; 0 takes any")
	flags.Var(&f.maxImage, "max-image-size", "bound on the data of one image (default none)")
	flags.IntVar(&f.maxUploads, "max-uploads", defaultMaxUploads, "at most `N` uploads at once; more are asked to try again")
	flags.StringArrayVar(&f.locations, "allow-location", nil, "`PREFIX` like file:///srv/images, of files that users may register by location; may be repeated")
	flags.BoolVar(&f.noRange, "no-range", false, "ignore Range, as the original server does")
	flags.BoolVar(&f.likeOriginal, "like-original", false, "play the server of 2012 with all its ways, for tests; it loses and leaks what that one did")
	addMetrics(flags, &f.metrics)
	f.log.add(flags)
	keys := pflag.NewFlagSet("keys", pflag.ContinueOnError) // other settings are those of a client
	f.addKeys(keys)
	flags.AddFlagSet(keys)
}

// notOriginal are the flags for what the server of 2012 did not have.
var notOriginal = []string{"tls-cert", "tls-key", "access-log", "date-skew", "max-image-size", "max-uploads", "allow-location", "metrics"}

func (f *serveFlags) check() error {
	if f.likeOriginal {
		for _, name := range notOriginal {
			if f.set.Changed(name) {
				return usageError{fmt.Errorf("--%s: the server that --like-original plays has no such thing; leave out one of the two", name)}
			}
		}
	}
	for _, prefix := range f.locations {
		if !strings.HasPrefix(prefix, "file:///") {
			return usageError{fmt.Errorf("--allow-location %s: give a directory as URL, like file:///srv/images", prefix)}
		}
	}
	switch {
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return usageError{errors.New("--tls-cert and --tls-key go together: give both, or neither")}
	case f.dateSkew < 0:
		return usageError{fmt.Errorf("--date-skew %s: give a time of 0 or more, like 15m", f.dateSkew)}
	case f.maxUploads < 1:
		return usageError{fmt.Errorf("--max-uploads %d: give a number of 1 or more", f.maxUploads)}
	}
	return nil
}

func (f *serveFlags) run(cmd *cobra.Command) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	users, err := f.readUsers()
	if err != nil {
		return err
	}
	tlsConfig, err := f.readTLS()
	if err != nil {
		return err
	}
	logger, endLog, err := f.log.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	f.warn(logger)
	access, closeLog, err := f.openAccessLog(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()

	metrics, err := listenMetrics(f.metrics, logger)
	if err != nil {
		return err
	}
	defer metrics.close()
	server, err := startTLS(f.listen, tlsConfig, f.opener(users, access, logger))
	if err != nil {
		return err
	}
	if s, ok := server.service.(*visService); ok {
		metrics.serve(serverCollector{s.vis.Stats})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "visorfs: serving the images of %s at %s\n", f.data, server.url)
	select {
	case <-cmd.Context().Done():
	case err := <-server.failed:
		return errors.Join(err, server.stop())
	}
	return server.stop()
}

// readUsers returns the users of the file, if there is one, and the one whose keys
// are among the settings.
func (f *serveFlags) readUsers() (map[string]string, error) {
	users := make(map[string]string)
	if f.users != "" {
		var err error
		if users, err = readUsers(f.users); err != nil || !f.hasKeyFlag() {
			return users, err // a client's settings on this machine make nobody a user
		}
	}
	o, err := f.resolve()
	if err != nil {
		return nil, err
	}
	if err := requireKeys(o); err != nil {
		return nil, err
	}
	if _, twice := users[o.AccessKey]; twice {
		return nil, usageError{fmt.Errorf("--access-key %s is in --users %s as well; leave out one of the two", o.AccessKey, f.users)}
	}
	users[o.AccessKey] = o.SecretKey
	return users, nil
}

// hasKeyFlag reports whether keys are given on the command line.
func (f *serveFlags) hasKeyFlag() bool {
	return f.set.Changed("access-key") || f.set.Changed("secret-key") || f.set.Changed("secret-key-file")
}

// readTLS returns nil if no certificate is given.
func (f *serveFlags) readTLS() (*tls.Config, error) {
	if f.tlsCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", f.tlsCert, f.tlsKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// openAccessLog returns nil if none is wanted; then the log says it with --debug.
func (f *serveFlags) openAccessLog(stdout io.Writer) (log *slog.Logger, closeLog func() error, err error) {
	nothing := func() error { return nil }
	switch f.accessLog {
	case "":
		return nil, nothing, nil
	case "-":
		return slog.New(slog.NewTextHandler(stdout, nil)), nothing, nil
	}
	file, err := os.OpenFile(f.accessLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // who read what is nobody else's matter
	if err != nil {
		return nil, nil, explainLogFile("access-log", f.accessLog, err)
	}
	return slog.New(slog.NewTextHandler(file, nil)), file.Close, nil
}

func (f *serveFlags) opener(users map[string]string, access, logger *slog.Logger) opener {
	if f.likeOriginal {
		return openOriginal(original.Options{Dir: f.data, Users: users, Logger: logger})
	}
	o := visserver.Options{
		Dir:           f.data,
		Users:         users,
		IgnoreRange:   f.noRange,
		Logger:        logger,
		AccessLog:     access,
		DateSkew:      f.dateSkew,
		MaxImageBytes: int64(f.maxImage),
		MaxUploads:    f.maxUploads,
		Locations:     f.locations,
	}
	if f.dateSkew == 0 {
		o.DateSkew = -1 // 0 is the default there
	}
	return openVIS(o)
}
