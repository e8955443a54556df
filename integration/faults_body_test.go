//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// endedBody gives some bytes of a reply, and then what end says.
type endedBody struct {
	io.ReadCloser
	left int64 // less than 0: all
	end  func() error
}

func (b *endedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.end()
	}
	if b.left < 0 {
		return b.ReadCloser.Read(p)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// somewhere returns a byte of a reply: of one without image data in the first half, where
// what is missing is missed.
func (b *faultBench) somewhere(resp *http.Response) int64 {
	length := resp.ContentLength
	if length < 0 {
		length = readBytes // the original does not say
	}
	if !isData(seen{method: resp.Request.Method, path: resp.Request.URL.Path}) {
		length /= 2
	}
	return int64(b.number(int(max(length-1, 1))))
}

// endAt has the body of a reply end in some way at some byte, if it has one.
func (b *faultBench) endAt(resp *http.Response, end func() error) (at int64) {
	if resp.ContentLength == 0 {
		return 0
	}
	at = b.somewhere(resp)
	resp.Body = &endedBody{resp.Body, at, end}
	return at
}

func resetReply(b *faultBench, resp *http.Response) {
	ctx := resp.Request.Context()
	b.endAt(resp, func() error { resetAtEnd(ctx); return errCut })
}

func closeReply(b *faultBench, resp *http.Response) {
	b.endAt(resp, func() error { return errCut })
}

func truncateReply(b *faultBench, resp *http.Response) {
	b.endAt(resp, func() error { return io.EOF })
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
}

// misstateLength tells of fewer bytes than there are, and sends no more.
func misstateLength(b *faultBench, resp *http.Response) {
	if resp.ContentLength == 0 {
		return
	}
	at := b.endAt(resp, func() error { return io.EOF })
	resp.Header.Set("Content-Length", strconv.FormatInt(at, 10))
	resp.ContentLength = at
}

func throttleReply(_ *faultBench, resp *http.Response) {
	resp.Body = &throttled{resp.Body}
}

// throttled gives 1 MiB in a second.
type throttled struct{ io.ReadCloser }

func (b *throttled) Read(p []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return b.ReadCloser.Read(p[:min(len(p), 20<<10)])
}

// flipped gives what it has with one bit changed.
type flipped struct {
	io.ReadCloser
	at int64 // byte
}

func (b *flipped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.at >= 0 && b.at < int64(n) {
		p[b.at] ^= 1
	}
	b.at -= int64(n)
	return n, err
}

func flipBit(b *faultBench, resp *http.Response) {
	resp.Body = &flipped{resp.Body, b.somewhere(resp)}
}

// startOf returns the first byte of an image that a reply has.
func startOf(resp *http.Response) int {
	var start int
	_, _ = fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start)
	return start
}

// sendOthersBytes sends those of another image of the same size.
func sendOthersBytes(b *faultBench, resp *http.Response) {
	_ = resp.Body.Close()
	data := b.decoy[startOf(resp):]
	if resp.ContentLength >= 0 {
		data = data[:resp.ContentLength]
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
}

// shiftRange answers, as it says, with bytes that nobody asked for.
func shiftRange(_ *faultBench, resp *http.Response) {
	span, size, ranged := strings.Cut(strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes "), "/")
	first, last, _ := strings.Cut(span, "-")
	from, err := strconv.Atoi(first)
	if !ranged || err != nil {
		return
	}
	resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%s/%s", from+1, last, size))
}

// answerForAnother puts another image's id into a reply.
func answerForAnother(b *faultBench, resp *http.Response) {
	if isData(seen{method: resp.Request.Method, path: resp.Request.URL.Path}) {
		resp.Header.Set("X-Image-Meta-_id", b.decoyID)
		return
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	id := strings.TrimPrefix(resp.Request.URL.Path, "/images/")
	resp.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(text), id, b.decoyID)))
}

// stallReply has replies stop at some byte, and answers nothing after that while it lasts.
func stallReply(b *faultBench, o *operation, lasting bool) func() {
	over := make(chan struct{})
	if !lasting {
		time.AfterFunc(time.Duration(100+b.number(1200))*time.Millisecond, func() { close(over) })
	}
	first := true
	b.proxy.setFault(func(r *http.Request) fault { // under the proxy's lock
		switch {
		case !o.isOwn(r):
			return fault{}
		case !first:
			return fault{hold: over}
		}
		first = false
		return fault{reply: func(resp *http.Response) { b.stallAt(resp, over) }}
	})
	return func() {
		b.endFault()
		if lasting {
			close(over)
		}
		<-over
	}
}

// stallAt has a reply stop at some byte until over is closed, and then go on.
func (b *faultBench) stallAt(resp *http.Response, over <-chan struct{}) {
	rest := resp.Body
	var stalled *endedBody
	stalled = &endedBody{rest, b.somewhere(resp), func() error {
		select {
		case <-over:
		case <-b.proxy.release:
			return errCut
		case <-resp.Request.Context().Done():
			return errCut
		}
		stalled.left = -1 // no end any more
		return nil
	}}
	resp.Body = stalled
}
