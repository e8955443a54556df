//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// mount is a running "visorfs mount".
type mount struct {
	*program
	dir string
}

// startMount mounts a server, or a proxy before it, by its URL.
func startMount(t *testing.T, url string, args ...string) *mount {
	t.Helper()
	return launchMount(t, launch{}, append([]string{"mount", "--url", url}, args...)...)
}

// launchMount runs a command that mounts, on a new directory.
func launchMount(t *testing.T, l launch, args ...string) *mount {
	t.Helper()
	dir := newMountpoint(t)
	l.mount = dir
	m := &mount{start(t, l, append(args, dir)...), dir}
	m.ready()
	return m
}

// newMountpoint makes a directory that all users reach.
func newMountpoint(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "visorfs-mount-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) }) // never RemoveAll: were it mounted still, images would go
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// mounted starts a server and mounts it, for tests that need neither fault nor count.
func mounted(t *testing.T, args ...string) (*server, *mount) {
	t.Helper()
	s := startServer(t)
	return s, startMount(t, s.url, args...)
}

// counted starts a server and mounts it through a proxy. The listing stays fresh, so
// that its requests do not disturb the count.
func counted(t *testing.T, args ...string) (*server, *proxy, *mount) {
	t.Helper()
	s := startServer(t)
	p := startProxy(t, s)
	return s, p, startMount(t, p.url, append([]string{"--metadata-ttl", "1h"}, args...)...)
}
