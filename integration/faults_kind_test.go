//go:build linux

package integration

import (
	"crypto/tls"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// faultKind is one thing that can go wrong between a mount and its server.
type faultKind struct {
	name    string
	setting setting
	befalls []string // operations; nil for all

	// begin begins the fault for the requests of an operation, and returns what ends it, or
	// waits until it has ended. A passing one is gone within the mount's timeout.
	begin func(b *faultBench, o *operation, lasting bool) (end func())

	passing expectation            // of an operation while it passes
	lasting expectation            // while it lasts
	but     map[string]expectation // the latter, of some operations
	isDone  bool                   // the server may have done what failed
}

// setting is what a fault needs around the mount.
type setting int

const (
	plain     setting = iota
	secure            // https
	named             // the server's name is in a file that only the mount sees
	ownServer         // the original looks at no clock
)

var (
	readers = []string{"sequential read", "random read", "mmap", onLoop}
	changes = []string{"setxattr", "rename", "unlink"}

	// settled are the operations that succeed though no reply comes: the server is asked.
	settled = map[string]expectation{"write": works}

	works    = expectation{works: true}
	ioError  = expectation{errnos: []syscall.Errno{syscall.EIO}}
	mayWork  = expectation{works: true, errnos: []syscall.Errno{syscall.EIO}}
	timedOut = expectation{errnos: []syscall.Errno{syscall.ETIMEDOUT}}
	refused  = expectation{errnos: []syscall.Errno{syscall.EACCES}}
)

// faultKinds are the rows of the matrix.
var faultKinds = []faultKind{
	{name: "connection refused", begin: outage((*faultBench).closeProxy, (*faultBench).openProxy), passing: works, lasting: ioError},
	{name: "connection closed instead of an answer", begin: befall(fault{drop: true}), passing: works, lasting: ioError},
	{name: "connection reset instead of an answer", begin: befall(fault{reset: true}), passing: works, lasting: ioError},
	{name: "upload reset at byte N", befalls: []string{"write"}, begin: resetUpload, passing: works, lasting: ioError},
	{name: "reply reset at byte N", begin: tamper(resetReply), passing: works, lasting: mayWork, isDone: true, but: settled},
	{name: "reply closed at byte N", begin: tamper(closeReply), passing: works, lasting: mayWork, isDone: true, but: settled},
	{name: "reply ends early as if complete", begin: tamper(truncateReply), passing: works, lasting: mayWork, isDone: true, but: settled},
	{name: "reply with a wrong length", begin: tamper(misstateLength), passing: works, lasting: mayWork, isDone: true, but: settled},
	{name: "wrong Content-Range", befalls: readers, begin: tamper(shiftRange), passing: works, lasting: mayWork},
	{name: "reply about another image", befalls: append(append([]string{}, readers...), changes...), begin: tamper(answerForAnother), passing: works, lasting: ioError, isDone: true,
		but: map[string]expectation{"unlink": works}},
	{name: "another image's bytes", befalls: readers[:1], begin: tamper(sendOthersBytes), passing: mayWork, lasting: ioError},
	{name: "corrupted bytes", befalls: readers[:1], begin: tamper(flipBit), passing: mayWork, lasting: ioError},
	{name: "upload corrupted", befalls: []string{"write"}, begin: befallWith(corruptUpload), passing: ioError, lasting: ioError},
	{name: "no answer", begin: stalled, passing: works, lasting: timedOut},
	{name: "reply stalls at byte N, and then everything", befalls: readers, begin: stallReply, passing: works, lasting: timedOut,
		but: map[string]expectation{"random read": {works: true, errnos: timedOut.errnos}}}, // of what came before
	{name: "throttled", begin: tamper(throttleReply), passing: works, lasting: works},
	{name: "500", begin: befall(fault{status: 500}), passing: works, lasting: ioError},
	{name: "502", begin: befall(fault{status: 502}), passing: works, lasting: ioError},
	{name: "503", begin: befall(fault{status: 503}), passing: works, lasting: ioError},
	{name: "504", begin: befall(fault{status: 504}), passing: works, lasting: ioError},
	{name: "429 with Retry-After", begin: befall(fault{status: 429, after: "1"}), passing: works, lasting: ioError},
	{name: "TLS: certificate of an unknown authority", setting: secure, begin: outage((*faultBench).swapCertificate, (*faultBench).restoreCertificate), passing: works, lasting: ioError},
	{name: "TLS: handshake broken off", setting: secure, begin: outage((*faultBench).breakHandshakes, (*faultBench).restoreCertificate), passing: works, lasting: ioError},
	{name: "DNS: the name is gone", setting: named, begin: outage((*faultBench).hideName, (*faultBench).showName), passing: works, lasting: ioError},
	{name: "server killed with SIGKILL", begin: outage((*faultBench).killServer, (*faultBench).restartServer), passing: works, lasting: ioError},
	{name: "clock an hour ahead", setting: ownServer, begin: befallAll(clockShifted(time.Hour)), passing: refused, lasting: refused},
	{name: "clock an hour behind", setting: ownServer, begin: befallAll(clockShifted(-time.Hour)), passing: refused, lasting: refused},
	{name: "clock a minute ahead", setting: ownServer, begin: befallAll(clockShifted(time.Minute)), passing: works, lasting: works},
}

// befall makes a fault of an operation's requests: of all, or of the first few.
func befall(f fault) func(*faultBench, *operation, bool) func() {
	return befallWith(func(*faultBench) fault { return f })
}

func befallWith(f func(*faultBench) fault) func(*faultBench, *operation, bool) func() {
	return func(b *faultBench, o *operation, lasting bool) func() {
		left := 1 + b.number(2)
		b.proxy.setFault(func(r *http.Request) fault { // under the proxy's lock
			if !o.isOwn(r) || !lasting && left == 0 {
				return fault{}
			}
			left--
			return f(b)
		})
		return b.endFault
	}
}

// befallAll makes a fault of every request, whoever makes it and why.
func befallAll(f fault) func(*faultBench, *operation, bool) func() {
	return func(b *faultBench, _ *operation, _ bool) func() {
		b.proxy.setFault(always(f))
		return b.endFault
	}
}

// tamper changes the replies to an operation's requests.
func tamper(change func(*faultBench, *http.Response)) func(*faultBench, *operation, bool) func() {
	return befallWith(func(b *faultBench) fault {
		return fault{reply: func(resp *http.Response) { change(b, resp) }}
	})
}

// outage takes something away, and brings it back at the end, or in a moment.
func outage(down, up func(*faultBench)) func(*faultBench, *operation, bool) func() {
	return func(b *faultBench, _ *operation, lasting bool) func() {
		down(b)
		if lasting {
			return func() { up(b) }
		}
		over := make(chan struct{})
		time.AfterFunc(time.Duration(100+b.number(1200))*time.Millisecond, func() {
			defer close(over)
			up(b)
		})
		return func() { <-over }
	}
}

// stalled holds all requests, and lets them go on in a moment if it passes.
func stalled(b *faultBench, _ *operation, lasting bool) func() {
	if lasting {
		b.proxy.setFault(always(fault{stall: true}))
		return b.endFault
	}
	until := make(chan struct{})
	b.proxy.setFault(always(fault{hold: until}))
	time.AfterFunc(time.Duration(100+b.number(1200))*time.Millisecond, func() {
		b.proxy.setFault(nil)
		close(until)
	})
	return func() { <-until }
}

func resetUpload(b *faultBench, o *operation, lasting bool) func() {
	return befallWith(func(b *faultBench) fault { return fault{cutUp: int64(1 + b.number(writeBytes-1))} })(b, o, lasting)
}

func corruptUpload(b *faultBench) fault {
	at := int64(b.number(writeBytes))
	return fault{request: func(r *http.Request) { r.Body = &flipped{r.Body, at} }}
}

// clockShifted is what a server sees of a machine whose clock is wrong.
func clockShifted(by time.Duration) fault {
	return fault{request: func(r *http.Request) { sign(r, accessKey, secretKey, time.Now().Add(by)) }}
}

func (b *faultBench) endFault()   { b.proxy.setFault(nil) }
func (b *faultBench) closeProxy() { b.proxy.close() }
func (b *faultBench) openProxy()  { b.proxy.reopen(b.t) }

func (b *faultBench) killServer() {
	b.server.signal(syscall.SIGKILL)
	<-b.server.ended
}

func (b *faultBench) restartServer() { b.server.restart() }

func (b *faultBench) swapCertificate() { b.presentCertificate(&b.strange) }

// breakHandshakes has the proxy offer no certificate, which ends a handshake.
func (b *faultBench) breakHandshakes() { b.presentCertificate(nil) }

func (b *faultBench) restoreCertificate() { b.presentCertificate(&b.certificate) }

// presentCertificate breaks all connections, so that others are made.
func (b *faultBench) presentCertificate(c *tls.Certificate) {
	b.proxy.close()
	b.presented.Store(c)
	b.proxy.reopen(b.t)
}

func (b *faultBench) hideName() {
	b.writeHosts("")
	b.proxy.close()
	b.proxy.reopen(b.t)
}

func (b *faultBench) showName() { b.writeHosts(knownHost) }

const (
	serverName = "vis.test"
	knownHost  = "127.0.0.1 " + serverName + "\n"
)

// String says what must be seen.
func (e expectation) String() string {
	var all []string
	if e.works {
		all = append(all, "works")
	}
	for _, errno := range e.errnos {
		all = append(all, errnoName(errno))
	}
	return strings.Join(all, " or ")
}
