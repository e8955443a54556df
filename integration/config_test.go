//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configFile is a visor-config.yml as VISOR writes it, for the server at an address.
func configFile(addr, access, secret string) string {
	host, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf(`default: &default
  log_datetime_format: "%%Y-%%m-%%d %%H:%%M:%%S"
  log_path: ~/.visor/logs
  access_key: %s
  secret_key: %s
visor_auth:
  <<: *default
  bind_host: 0.0.0.0
  bind_port: 4566
visor_image:
  <<: *default
  bind_host: %s
  bind_port: %s
visor_store:
  default: file
`, access, secret, host, port)
}

// newConfig makes a working directory with a configuration file in it.
func newConfig(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "visor-config.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConfigurationFileOfVISORIsEnough(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	text := configFile(strings.TrimPrefix(s.url, "http://"), accessKey, secretKey)
	m := launchMount(t, launch{env: []string{}, dir: newConfig(t, text)}, "mount")
	tool(t, "cp", newFile(t, "a.iso", random(110, 1000)), m.dir)
	s.wantStored("a.iso", random(110, 1000))

	home := t.TempDir() // the working directory, here also HOME
	if err := os.Mkdir(filepath.Join(home, ".visor"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".visor", "visor-config.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "ls", launchMount(t, launch{env: []string{}, dir: home}, "mount").path("a.iso"))
}

func TestFlagsCountMoreThanEnvironmentThanFile(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	addr := strings.TrimPrefix(s.url, "http://")
	host, port, _ := strings.Cut(addr, ":")
	const nowhere = "127.0.0.1:9" // discard: nothing listens
	good := configFile(addr, accessKey, secretKey)
	bad := configFile(nowhere, "stranger", "wrong")
	badEnv := []string{"VISOR_HOST=127.0.0.2", "VISOR_PORT=9", "VISOR_ACCESS_KEY=stranger", "VISOR_SECRET_KEY=wrong"}
	goodEnv := []string{"VISOR_HOST=" + host, "VISOR_PORT=" + port, "VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey}
	goodFlags := []string{"--host", host, "--port", port, "--access-key", accessKey, "--secret-key", secretKey}
	for name, c := range map[string]struct {
		file  string
		env   []string
		flags []string
		works bool
	}{
		"file":                        {good, nil, nil, true},
		"environment over file":       {bad, goodEnv, nil, true},
		"bad environment over file":   {good, badEnv, nil, false},
		"flags over both":             {bad, badEnv, goodFlags, true},
		"URL over host and port":      {bad, append(badEnv[:2:2], goodEnv[2:]...), []string{"--url", s.url}, true},
		"keys of the file, URL given": {configFile(nowhere, accessKey, secretKey), nil, []string{"--url", s.url}, true},
		"bad flag over both":          {good, goodEnv, []string{"--port", "9"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := launch{env: append([]string{}, c.env...), dir: newConfig(t, c.file)}
			args := append([]string{"mount"}, c.flags...)
			if c.works {
				launchMount(t, l, args...)
				return
			}
			wantRefusal(t, invoke(t, l, append(args, newMountpoint(t))...), 1, ":9")
		})
	}
}
