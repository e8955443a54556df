//go:build unix

package visclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// benchServer answers ranges of zeros, and costs so little that the client is what is
// measured. VISORFS_BENCH_URL names another server that has the image, such as nginx,
// whose work is not done by the same process.
func benchServer(b *testing.B) url.URL {
	b.Helper()
	base := os.Getenv("VISORFS_BENCH_URL")
	if base == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = l.Close() })
		go acceptRanges(l)
		base = "http://" + l.Addr().String()
	}
	u, err := url.Parse(base)
	if err != nil {
		b.Fatal(err)
	}
	return *u
}

func acceptRanges(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go serveRanges(conn)
	}
}

var zeroBlock = make([]byte, 1<<20)

func serveRanges(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		from, to, err := readRange(in)
		if err != nil {
			return
		}
		head := rangeHead(from, to)
		if to-from < 64<<10 {
			_, err = conn.Write(append(head, zeroBlock[:to-from+1]...))
		} else {
			_, err = conn.Write(head)
		}
		for n := to - from + 1; n > 64<<10 && err == nil; n -= int64(len(zeroBlock)) {
			_, err = conn.Write(zeroBlock[:min(n, int64(len(zeroBlock)))])
		}
		if err != nil {
			return
		}
	}
}

func readRange(in *bufio.Reader) (from, to int64, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if span, ok := bytes.CutPrefix(line, []byte("Range: bytes=")); ok {
			first, last, _ := strings.Cut(strings.TrimSpace(string(span)), "-")
			from, _ = strconv.ParseInt(first, 10, 64)
			to, _ = strconv.ParseInt(last, 10, 64)
		}
		if len(line) <= 2 {
			return from, to, nil
		}
	}
}

// eachTransport runs a benchmark with net/http's transport and with the client's own.
func eachTransport(b *testing.B, run func(*testing.B, *Client)) {
	base := benchServer(b)
	for _, row := range []struct {
		name      string
		transport roundTripper
	}{
		{"net", netTransport(true, &tls.Config{MinVersion: tls.VersionTLS12})},
		{"own", newTransport(base, nil)},
	} {
		c, err := New(Options{URL: base.String(), AccessKey: "foo", SecretKey: "bar"})
		if err != nil {
			b.Fatal(err)
		}
		c.requests = row.transport
		b.Run(row.name, func(b *testing.B) { run(b, c) })
		c.CloseIdleConnections()
	}
}

// eachWidth runs a benchmark with one reader and with eight.
func eachWidth(b *testing.B, read func(off int64, buf []byte) error) {
	for _, readers := range []int{1, 8} {
		b.Run(strconv.Itoa(readers), func(b *testing.B) {
			b.ReportAllocs()
			var next atomic.Int64
			before := cpuTime()
			done := make(chan error)
			for range readers {
				go func() { done <- readPages(&next, int64(b.N), read) }()
			}
			for range readers {
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
		})
	}
}

// cpuTime is what the process has worked, the kernel's work for it included. Unlike the
// time of an operation it does not depend on what else the machine does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readPages reads pages from all over the image until as many are read as there should be.
func readPages(next *atomic.Int64, n int64, read func(int64, []byte) error) error {
	const page = 4 << 10
	buf := make([]byte, page)
	for {
		i := next.Add(1)
		if i > n {
			return nil
		}
		if err := read(i*7919%(theBytes/page)*page, buf); err != nil {
			return err
		}
	}
}

// BenchmarkBareRange is the transport alone.
func BenchmarkBareRange(b *testing.B) {
	eachTransport(b, func(b *testing.B, c *Client) {
		u := c.base
		u.Path = "/images/" + string(theID)
		eachWidth(b, func(off int64, buf []byte) error {
			header := http.Header{"Range": {Range{off, int64(len(buf))}.header()}}
			resp, err := c.requests.RoundTrip(&http.Request{Method: "GET", URL: &u, Header: header})
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.ReadFull(resp.Body, buf)
			return err
		})
	})
}

// BenchmarkGetRange is what a mount asks for when 4 KiB of an image are read.
func BenchmarkGetRange(b *testing.B) {
	eachTransport(b, func(b *testing.B, c *Client) {
		eachWidth(b, func(off int64, buf []byte) error {
			body, err := c.GetImage(context.Background(), theID, Range{off, int64(len(buf))})
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.ReadFull(body, buf)
			return err
		})
	})
}

// BenchmarkStream is a copy of the whole image.
func BenchmarkStream(b *testing.B) {
	eachTransport(b, func(b *testing.B, c *Client) {
		buf := make([]byte, copyBytes)
		b.SetBytes(theBytes)
		for b.Loop() {
			body, err := c.GetImage(context.Background(), theID, Range{0, theBytes})
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, buf)
			_ = body.Close()
			if err != nil || n != theBytes {
				b.Fatal(n, err)
			}
		}
	})
}
