package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/visclient"
)

const settingsHelp = `
What is not given as a flag is taken from the environment (VISOR_HOST, VISOR_PORT,
VISOR_ACCESS_KEY, VISOR_SECRET_KEY), then from the section visor_image of VISOR's
visor-config.yml (in ., ~/.visor or /etc/visor), then from the defaults. A secret
key on the command line can be seen by others on the machine: prefer the other two.`

// settings are where the server is and who asks, as flags gave them.
type settings struct {
	url       string
	host      string
	port      int
	accessKey string
	secretKey string
	caFile    string
	timeout   time.Duration

	hasTimeout bool // the command has the flag
}

func (s *settings) addServer(flags *pflag.FlagSet) {
	s.hasTimeout = true
	flags.StringVar(&s.url, "url", "", "server as `URL`, e.g. https://vis.example.org:4568; instead of --host and --port")
	flags.StringVar(&s.host, "host", "", "`HOST` of the server (default "+visclient.DefaultHost+")")
	flags.IntVar(&s.port, "port", 0, "`PORT` of the server (default "+strconv.Itoa(visclient.DefaultPort)+")")
	flags.StringVar(&s.caFile, "ca-file", "", "`FILE` of certificates (PEM) to check an https server's against, instead of the system's")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long to wait for an answer, retries included, before a call fails")
}

func (s *settings) addKeys(flags *pflag.FlagSet) {
	flags.StringVar(&s.accessKey, "access-key", "", "access `KEY` of the user")
	flags.StringVar(&s.secretKey, "secret-key", "", "secret `KEY` of the user")
}

// resolve fills what the flags left open, and returns the options of a client.
func (s settings) resolve() (visclient.Options, error) {
	o := visclient.Options{
		URL: s.url, Host: s.host, Port: s.port,
		AccessKey: s.accessKey, SecretKey: s.secretKey,
		CAFile:    s.caFile,
		Timeout:   s.timeout,
		UserAgent: "visorfs/" + version(),
	}
	if s.timeout < 0 || s.timeout == 0 && s.hasTimeout {
		return o, usageError{fmt.Errorf("--timeout %s: give a time of more than 0, like 30s", s.timeout)}
	}
	if s.port < 0 || s.port > 65535 {
		return o, usageError{fmt.Errorf("--port %d: a port is a number of at most 65535", s.port)}
	}
	if s.url != "" && (s.host != "" || s.port != 0) {
		return o, usageError{errors.New("--url names host and port already; leave out --host and --port")}
	}
	if err := fromEnvironment(&o); err != nil {
		return o, err
	}
	return o, fromConfigFile(&o)
}

func fromEnvironment(o *visclient.Options) error {
	o.AccessKey = cmp.Or(o.AccessKey, os.Getenv("VISOR_ACCESS_KEY"))
	o.SecretKey = cmp.Or(o.SecretKey, os.Getenv("VISOR_SECRET_KEY"))
	if o.URL != "" {
		return nil
	}
	o.Host = cmp.Or(o.Host, os.Getenv("VISOR_HOST"))
	text := os.Getenv("VISOR_PORT")
	if text == "" || o.Port != 0 {
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("VISOR_PORT: %q is not a port; set it to a number of at most 65535, or unset it", text)
	}
	o.Port = int(port)
	return nil
}

func fromConfigFile(o *visclient.Options) error {
	dirs := []string{"."}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".visor"))
	}
	file, err := visclient.FindConfigFile(append(dirs, "/etc/visor")...)
	if err != nil {
		return err
	}
	*o = o.Or(file)
	return nil
}

// connect returns a client of a server that is there and takes the user's keys.
func (s *settings) connect(ctx context.Context) (*visclient.Client, error) {
	o, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if err := requireKeys(o); err != nil {
		return nil, err
	}
	client, err := visclient.New(o)
	if err != nil {
		return nil, err
	}
	return client, checkAccess(ctx, client)
}

// requireKeys says how to give what is missing.
func requireKeys(o visclient.Options) error {
	if o.AccessKey != "" && o.SecretKey != "" {
		return nil
	}
	missing := "access key"
	if o.AccessKey != "" {
		missing = "secret key"
	}
	return usageError{fmt.Errorf("no %s; set VISOR_ACCESS_KEY and VISOR_SECRET_KEY, write a %s, or give --access-key and --secret-key", missing, visclient.ConfigFileName)}
}

// checkAccess asks the server whether it will answer this user, and says what to do
// if not.
func checkAccess(ctx context.Context, client *visclient.Client) error {
	err := client.CheckAccess(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, visclient.ErrForbidden):
		return fmt.Errorf("%s refuses the access key %q: %w; check --access-key and --secret-key (or VISOR_ACCESS_KEY, VISOR_SECRET_KEY, %s)",
			client.URL(), client.AccessKey(), err, visclient.ConfigFileName)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s: %w; start the server, or check --url (or --host and --port)", client.URL(), err)
	}
	return fmt.Errorf("cannot use %s: %w", client.URL(), err)
}
