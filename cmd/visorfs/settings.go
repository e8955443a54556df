package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/visclient"
)

const settingsHelp = `
What is not given as a flag is taken from the environment (VISOR_HOST, VISOR_PORT,
VISOR_ACCESS_KEY, VISOR_SECRET_KEY; for any other flag of mount VISORFS_ and its name,
like VISORFS_METADATA_TTL), then from VISOR's visor-config.yml (in ., ~/.visor or
/etc/visor; or --config): from its section visorfs, which has the flags' names as keys, and
its section visor_image; then from the defaults. "visorfs config" shows what is in force.
A secret key on the command line can be seen by others on the machine: prefer
--secret-key-file, the environment or the file.`

// settings are where the server is and who asks. Flags fill them, and load what the flags
// left open.
type settings struct {
	url           string
	host          string
	port          int
	accessKey     string
	secretKey     string
	secretKeyFile string
	caFile        string
	config        string
	timeout       time.Duration

	flags    *pflag.FlagSet // those that load fills
	loaded   bool
	origins  origins
	store    string   // of the configuration file
	warnings []string // what load found that should be mended
}

func (s *settings) addServer(flags *pflag.FlagSet) {
	flags.StringVar(&s.url, "url", "", "server as `URL`, e.g. https://vis.example.org:4568; instead of --host and --port")
	flags.StringVar(&s.host, "host", "", "`HOST` of the server (default "+visclient.DefaultHost+")")
	flags.IntVar(&s.port, "port", 0, "`PORT` of the server (default "+strconv.Itoa(visclient.DefaultPort)+")")
	flags.StringVar(&s.caFile, "ca-file", "", "`FILE` of certificates (PEM) to check an https server's against, instead of the system's")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long to wait for an answer, retries included, before a call fails")
	demand(flags, "port", "a port is a number from 1 to 65535", func() bool { return 0 < s.port && s.port <= 65535 })
	demand(flags, "timeout", "give a time of more than 0, like 30s", func() bool { return s.timeout > 0 })
}

// addKeys adds the flags of who asks, and of the file that may tell it.
func (s *settings) addKeys(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringVar(&s.accessKey, "access-key", "", "access `KEY` of the user")
	flags.StringVar(&s.secretKey, "secret-key", "", "secret `KEY` of the user")
	flags.StringVar(&s.secretKeyFile, "secret-key-file", "", "`FILE` whose first line is the secret key; only its owner may have access to it")
	flags.StringVar(&s.config, "config", "", "configuration `FILE`, instead of the first visor-config.yml in ., ~/.visor and /etc/visor")
}

// resolve returns the options of a client.
func (s *settings) resolve() (visclient.Options, error) {
	if err := s.load(); err != nil {
		return visclient.Options{}, err
	}
	o := visclient.Options{
		URL: s.url, Host: s.host, Port: s.port,
		AccessKey: s.accessKey, SecretKey: s.secretKey,
		CAFile:    s.caFile,
		Timeout:   s.timeout,
		Store:     s.store,
		UserAgent: "visorfs/" + version(),
	}
	if s.secretKeyFile == "" {
		return o, nil
	}
	secret, err := readSecretKey(s.secretKeyFile)
	if err != nil {
		return o, fmt.Errorf("%s %w", s.origins["secret-key-file"].of("secret-key-file"), err)
	}
	o.SecretKey = secret
	return o, nil
}

// serverText is where the server is, for people, as far as the settings say it.
func (s *settings) serverText() (host, port string) {
	return cmp.Or(s.host, visclient.DefaultHost), strconv.Itoa(cmp.Or(s.port, visclient.DefaultPort))
}

// printWarnings says what should be mended to who started the program.
func (s *settings) printWarnings() {
	for _, warning := range s.warnings {
		fmt.Fprintf(os.Stderr, "visorfs: warning: %s\n", printable(warning))
	}
}

// warn logs what should be mended.
func (s *settings) warn(log *slog.Logger) {
	for _, warning := range s.warnings {
		log.Warn(warning)
	}
	s.warnings = nil
}
