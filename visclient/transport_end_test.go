package visclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEndOfTheContextEndsTheRequest(t *testing.T) {
	t.Parallel()
	reason := errors.New("the reason")
	for what, reply := range map[string]string{
		"before the reply":     "",
		"in the status":        "HTTP/1.1 2",
		"in the head":          "HTTP/1.1 200 OK\r\nContent-Le",
		"after a hint":         "HTTP/1.1 103 Early Hints\r\n\r\n",
		"in the body":          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody",
		"in a chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbody",
		"between two chunks":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
		"in an endless body":   "HTTP/1.1 200 OK\r\n\r\nbody",
		"after half the bytes": "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 100_000),
	} {
		p := replies(t, reply)
		tr := p.transport(t)
		for kind, end := range map[error]func() (context.Context, func()){
			context.Canceled: func() (context.Context, func()) { return context.WithCancel(context.Background()) },
			reason: func() (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(context.Background())
				return ctx, func() { cancel(reason) }
			},
		} {
			ctx, cancel := end()
			time.AfterFunc(20*time.Millisecond, cancel)
			checkEnds(t, what, tr, ctx, kind)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		checkEnds(t, what, tr, ctx, context.DeadlineExceeded)
		cancel()
		p.waitAllClosed(t)
	}
}

func checkEnds(t *testing.T, what string, tr *transport, ctx context.Context, kind error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		resp, err := ask(ctx, tr, http.MethodGet, "/")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		done <- err
	}()
	if err := wait(t, done); !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
	if tr.idle.pop() != nil {
		t.Errorf("%s: the connection is kept", what)
	}
}

func TestContextThatEndsAfterTheReplyHarmsNobody(t *testing.T) {
	t.Parallel()
	p := replies(t, fourBytes)
	tr := p.transport(t)
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := ask(ctx, tr, http.MethodGet, "/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	if p.accepted.Load() != 1 {
		t.Errorf("%d connections", p.accepted.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, tr, http.MethodGet, "/"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReadersDoNotMixTheirReplies(t *testing.T) {
	t.Parallel()
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		for req := asked(in); req != nil; req = asked(in) {
			body := strings.Repeat(req.URL.Path, 1000)
			text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			if strings.HasSuffix(req.URL.Path, "3") {
				text = fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			if _, err := io.WriteString(conn, text); err != nil || strings.HasSuffix(req.URL.Path, "77") {
				return
			}
		}
	})
	tr := p.transport(t)
	const readers, each = 16, 150
	var group sync.WaitGroup
	for reader := range readers {
		group.Go(func() {
			for i := range each {
				if err := readOrLeave(t.Context(), tr, fmt.Sprintf("/%d/%d", reader, i), i%7); err != nil {
					t.Errorf("reader %d, request %d: %v", reader, i, err)
				}
			}
		})
	}
	group.Wait()
	tr.CloseIdleConnections()
	p.waitAllClosed(t)
}

// readOrLeave gets the reply for a path and compares it, or leaves on one of several ways.
func readOrLeave(ctx context.Context, tr *transport, path string, way int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if way == 1 {
		go cancel()
	}
	resp, err := ask(ctx, tr, http.MethodGet, path)
	if err != nil {
		return unless(way == 1, err)
	}
	defer resp.Body.Close()
	switch way {
	case 2:
		return nil
	case 3:
		cancel()
	case 4:
		go resp.Body.Close()
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return unless(way == 1 || way == 3 || way == 4, err)
	}
	if string(body) != strings.Repeat(path, 1000) {
		return fmt.Errorf("a body of %d bytes, %.20q", len(body), body)
	}
	return nil
}

func unless(expected bool, err error) error {
	if expected {
		return nil
	}
	return err
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	p := replies(t, fourBytes)
	tr := p.transport(t)
	var bodies []io.Closer
	for range 10 {
		resp, err := ask(t.Context(), tr, http.MethodGet, "/")
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, resp.Body)
	}
	if got := runtime.NumGoroutine(); got > before+12 { // the server's
		t.Errorf("%d goroutines, %d before: the connections have some", got, before)
	}
	tr.CloseIdleConnections()
	for _, body := range bodies {
		_ = body.Close() // what comes back late is not kept either
	}
	p.waitAllClosed(t)
	_ = p.l.Close()
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 100 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
