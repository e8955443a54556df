package visclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cenkalti/backoff/v5"
	"github.com/visorfs/visorfs/meta"
)

// call is one operation, ready to be sent.
type call struct {
	op     string // for errors, e.g. "delete image"
	id     meta.ID
	method string
	path   string // not escaped
	query  url.Values
	header http.Header
	fields meta.Fields
	body   *upload // nil for none
	etag   string  // of what need not be sent again; "" for none

	accept func(*http.Response) error // takes a reply of success, and closes its body unless it keeps it

	date *time.Time // set to the time of the last reply by the server's clock; nil for no matter
	lost *bool      // set when the server may have done it although its reply did not come; nil for no matter

	closes    bool // the connection is not to be used again
	once      bool // sending it twice would do harm
	impatient bool // do not wait for a server that is away
}

// The pauses between two tries.
const (
	firstPause = 50 * time.Millisecond
	longPause  = time.Second
)

// send sends a call until its reply is accepted, or the failure is not a passing
// one, or time is up.
func (c *Client) send(ctx context.Context, op call) error {
	if err := c.check(op); err != nil {
		return err
	}
	deadline := time.Now().Add(c.timeout)
	var pause *backoff.ExponentialBackOff // few calls need one
	for try := 1; ; try++ {
		err := c.try(ctx, op, time.Until(deadline))
		if err == nil || ctx.Err() != nil || !op.again(err, try) {
			return err
		}
		if op.lost != nil && mayBeDone(err) {
			*op.lost = true
		}
		if pause == nil {
			pause = newPause()
		}
		wait := pause.NextBackOff()
		left := time.Until(deadline) - leastPatience(c.timeout)
		if left < wait {
			return err
		}
		if asked := retryAfter(err); asked <= left {
			wait = max(wait, asked)
		}
		if sleep(ctx, wait) != nil {
			return fail(ctx, op, err)
		}
		c.counts.retries.Add(1)
	}
}

// sleep returns after a pause, or with the cause when ctx ends first.
func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// check refuses, before it is sent, what no server takes, or this one not as it is.
func (c *Client) check(op call) error {
	if err := checkID(op); err != nil {
		return err
	}
	if c.IsOriginal() && len(op.fields) > 0 {
		return checkOriginal(op)
	}
	return nil
}

func newPause() *backoff.ExponentialBackOff {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, longPause
	return pause
}

// leastPatience is how long a try must be able to wait: one that is cut short by the
// deadline would only hide why those before it failed.
func leastPatience(timeout time.Duration) time.Duration { return min(time.Second, timeout/10) }

// again reports whether a call that failed may succeed if sent once more.
func (op call) again(err error, try int) bool {
	return !op.impatient && (mayPass(err, try) || isGarbled(err) && try < garbledTries)
}

// checkID refuses an id that would make another path than that of an image: ids come
// from servers, and from users.
func checkID(op call) error {
	if op.id == "" && !strings.HasSuffix(op.path, "/") {
		return nil // not about one image
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	if op.id == "" || strings.Trim(string(op.id), letters) != "" {
		return invalid(op, fmt.Errorf("%q is not an image id", string(op.id)))
	}
	return nil
}

// try sends a call once.
func (c *Client) try(ctx context.Context, op call, patience time.Duration) error {
	ctx, dog := watch(ctx, patience)
	req, err := c.request(ctx, op, dog)
	if err != nil {
		dog.end()
		return err
	}
	transport := c.requests
	if op.body != nil || op.once {
		transport = c.fresh
	}
	begun := time.Now()
	resp, err := transport.RoundTrip(req)
	trip := time.Since(begun)
	c.counts.answered(op.method, resp, trip)
	if err == nil && op.body == nil {
		c.trips.add(trip)
	}
	if err != nil {
		err = fail(ctx, op, err)
		dog.end()
		return err
	}
	dog.pause() // until somebody reads the body
	c.learn(resp.Header)
	if op.date != nil {
		*op.date = dateOf(resp.Header)
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, ctx: ctx, dog: dog, patience: c.timeout, received: &c.counts.received}
	if !op.isSuccess(resp.StatusCode) {
		defer finish(resp.Body)
		return replyError(op, resp)
	}
	return op.accept(resp)
}

// isSuccess reports whether a reply says that the call was carried out.
func (op call) isSuccess(status int) bool {
	return status >= 200 && status < 300 || status == http.StatusNotModified && op.etag != ""
}

// withoutURL drops the method and URL that net/http puts before a cause: the
// operation and the id say it already.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *Client) request(ctx context.Context, op call, dog *watchdog) (*http.Request, error) {
	u := c.base
	u.Path = op.path
	u.RawQuery = op.query.Encode()
	req, err := http.NewRequestWithContext(ctx, op.method, u.String(), nil)
	if err != nil {
		return nil, invalid(op, err)
	}
	req.Close = op.closes
	for key, values := range op.header {
		req.Header[key] = values
	}
	req.Header.Set("Accept", "application/json") // exactly this: the original server copies it into the reply
	if op.etag != "" {
		req.Header.Set("If-None-Match", op.etag)
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	op.fields.SetHeader(req.Header)
	if op.body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Body = &uploadBody{upload: op.body, ctx: ctx, dog: dog, patience: c.timeout, sent: &c.counts.sent}
		req.ContentLength = -1
	}
	c.signer.sign(req)
	return req, nil
}

// The most that is read of a reply that should be small.
const (
	maxImageReply = 1 << 20 // headers of 80 KiB made it
	maxErrorReply = 64 << 10
	maxDrain      = 256 << 10
)

// finish drains what is left of a body, so that its connection can be kept, and closes it.
func finish(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}

// replyError makes an error of a reply without success. The message is where this
// kind of reply has it, or the start of whatever the body says.
func replyError(op call, resp *http.Response) error {
	e := &Error{
		Op: op.op, ID: op.id,
		StatusCode: resp.StatusCode,
		Message:    resp.Header.Get("X-Error-Message"),
		original:   isOriginal(resp.Header),
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds < math.MaxInt32 {
		e.retryAfter = time.Duration(seconds) * time.Second
	}
	if e.Message == "" && op.method != http.MethodHead {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorReply))
		e.Message = errorMessage(body)
	}
	if location := resp.Header.Get("Location"); e.Message == "" && resp.StatusCode < 400 && location != "" {
		e.Message = "the server redirects to " + location + ", which is not followed"
	}
	e.Message = printable(e.Message)
	return e
}

func errorMessage(body []byte) string {
	var reply struct{ Message, Error string }
	if json.Unmarshal(body, &reply) == nil {
		if reply.Message != "" {
			return reply.Message
		}
		return reply.Error
	}
	return strings.TrimSpace(string(body))
}

// printable makes a server's text fit for one line of a log or terminal.
func printable(text string) string {
	const limit = 500
	text = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' ' // also for what turns the direction of text around
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// imageInto accepts the reply {"image": {...}}.
func imageInto(op call, img **meta.Image) func(*http.Response) error {
	return func(resp *http.Response) error {
		defer finish(resp.Body)
		var reply struct{ Image *meta.Image }
		if err := json.NewDecoder(newBounded(resp.Body, maxImageReply)).Decode(&reply); err != nil {
			return badReply(resp.Request.Context(), op, err)
		}
		if reply.Image == nil {
			return badReply(resp.Request.Context(), op, errors.New(`no "image" in it`))
		}
		if op.id != "" && reply.Image.ID != op.id {
			return mismatch(op, "it is about image %s", reply.Image.ID)
		}
		*img = reply.Image
		return nil
	}
}
