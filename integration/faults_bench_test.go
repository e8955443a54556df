//go:build linux

package integration

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faultBench is a server, a proxy and a mount that one kind of fault is tried on, with one
// operation after another.
type faultBench struct {
	t       *testing.T
	server  *server
	proxy   *proxy
	mount   *mount
	timeout time.Duration
	spool   string
	slowest time.Duration // call of an operation
	loop    string        // where the ext4 filesystem is mounted

	decoy   []byte // an image that nobody asks for
	decoyID string

	names    map[string]bool // of the images that the server has to have
	subjects map[string]*subject

	certificate, strange tls.Certificate
	presented            atomic.Pointer[tls.Certificate]
	hosts                string // file

	mu  sync.Mutex
	rng *rand.Rand
}

// long is a timeout that every passing fault is gone within.
const long = 30 * time.Second

func newFaultBench(t *testing.T, k faultKind, lasting bool, seed uint64, serverArgs []string) *faultBench {
	t.Helper()
	b := &faultBench{
		t: t, server: startServer(t, serverArgs...), spool: newSpool(t), timeout: long,
		names: map[string]bool{}, subjects: map[string]*subject{}, rng: rand.New(rand.NewPCG(seed, 7)),
	}
	if lasting {
		b.timeout = patience
	}
	b.stock(k)
	b.startProxy(k.setting)
	b.startMount(k.setting)
	return b
}

// number returns a random one below n.
func (b *faultBench) number(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rng.IntN(n)
}

func (b *faultBench) bytes(size int) []byte { return noise()[b.number(4<<20):][:size] }

// stock puts an image for each operation on the server.
func (b *faultBench) stock(k faultKind) {
	b.decoy = b.bytes(readBytes)
	b.decoyID = b.post("decoy.img", b.decoy)
	for i, o := range operations {
		s := &subject{name: fmt.Sprintf("%d.img", i), data: b.bytes(readBytes), lies: k.passing.String() != works.String()}
		b.subjects[o.name] = s
		switch o.name {
		case "write":
			s.data = b.bytes(writeBytes)
		case listed:
		case onLoop:
			if k.isOf(o) {
				s.data = loopImage(b.t)
				s.id = b.post(s.name, s.data)
			}
		default:
			s.id = b.post(s.name, s.data)
		}
	}
	for _, s := range b.subjects {
		if s.id != "" {
			b.server.wantSettled(s.name, s.data)
		}
	}
}

func (b *faultBench) post(name string, data []byte) (id string) {
	b.names[name] = true
	return b.server.post(name, data, map[string]string{"store": "file"}) // the original deletes the file of no other
}

func (b *faultBench) startProxy(in setting) {
	if in != secure {
		b.proxy = startProxy(b.t, b.server)
		return
	}
	dir := b.t.TempDir()
	b.certificate = newCertificate(b.t, dir, "known", func(*x509.Certificate) {})
	b.strange = newCertificate(b.t, dir, "strange", func(*x509.Certificate) {})
	b.presented.Store(&b.certificate)
	b.proxy = startSecureProxy(b.t, b.server, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := b.presented.Load(); c != nil {
			return c, nil
		}
		return nil, errCut
	}})
	b.hosts = filepath.Join(dir, "known.pem")
}

func (b *faultBench) startMount(in setting) {
	args := append([]string{"--timeout", b.timeout.String(), "--metadata-ttl", "200ms", "--memory", "1MiB"}, spoolFlags(b.spool)...)
	if b.number(2) == 0 {
		args = append(args, "--cache-dir", b.t.TempDir())
	}
	switch in {
	case named:
		b.mount = b.mountByName(args)
	case secure:
		b.mount = startMount(b.t, b.proxy.url, append(args, "--ca-file", b.hosts)...)
	default:
		b.mount = startMount(b.t, b.proxy.url, args...)
	}
	b.mount.allowLog(`level=(WARN|ERROR)`)
	for _, s := range b.subjects {
		s.path = b.mount.path(s.name)
	}
}

// mountByName mounts in a mount namespace of its own, in which other files tell where
// servers are.
func (b *faultBench) mountByName(args []string) *mount {
	needRoot(b.t)
	b.hosts = newFile(b.t, "hosts", nil)
	b.writeHosts(knownHost)
	resolver := newFile(b.t, "resolv.conf", []byte("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n"))
	dir := newMountpoint(b.t)
	_, port, _ := strings.Cut(strings.TrimPrefix(b.proxy.url, "http://"), ":")
	enter, err := exec.LookPath("nsenter")
	if err != nil {
		b.t.Fatal("nsenter is missing: apt-get install util-linux")
	}
	const script = `mount --bind "$1" /etc/hosts; mount --bind "$2" /etc/resolv.conf; shift 2; exec "$@"`
	all := []string{"--mount=" + emptyNamespace, "unshare", "--mount", "sh", "-ec", script, "sh", b.hosts, resolver, visorfs, "mount", "--url", "http://" + serverName + ":" + port}
	env := append(testKeys(), "GODEBUG=netdns=cgo") // Go's own resolver remembers what it read for some seconds
	p := start(b.t, launch{binary: enter, env: env}, append(append(all, args...), dir)...)
	p.ready()
	return &mount{p, fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, dir)}
}

// writeHosts changes the file that tells where servers are, which is bound to another.
func (b *faultBench) writeHosts(text string) {
	if err := os.WriteFile(b.hosts, []byte(text), 0o644); err != nil {
		b.t.Error(err)
	}
}
