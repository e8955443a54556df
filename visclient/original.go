package visclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/visorfs/visorfs/meta"
)

// The limits of the original server's database. What is longer it cuts in silence, or
// stores in a way that it cannot read again.
const (
	originalText   = 45  // characters of most attributes
	originalLong   = 255 // characters of location
	originalCustom = 255 // bytes of all custom attributes together, as JSON
	originalData   = math.MaxInt32
)

// IsOriginal reports whether the server showed itself to be the original VIS of 2012.
// Before the first reply it is not known to be.
func (c *Client) IsOriginal() bool { return serverKind(c.server.Load()) == originalServer }

// MaxImageBytes is the size of the largest image that can be read again from the
// server: 2 GiB less a byte on the original, which breaks off a longer one.
func (c *Client) MaxImageBytes() int64 {
	if c.IsOriginal() {
		return originalData
	}
	return math.MaxInt64
}

// CheckFields reports, without a request, why the server could not take these
// attributes as they are: ErrInvalid, ErrTooLong, ErrNoSpace.
func (c *Client) CheckFields(fields meta.Fields) error {
	op := call{op: "check attributes", fields: fields}
	if err := fields.ValidateUpdate(); err != nil {
		return invalid(op, err)
	}
	if !c.IsOriginal() {
		return nil
	}
	return checkOriginal(op)
}

// checkOriginal refuses what the original server would refuse with the wrong words,
// store otherwise than it was sent, or break over.
func checkOriginal(op call) error {
	custom := make(map[string]string)
	for name, value := range op.fields {
		a, known := meta.Lookup(name)
		if !known {
			custom[name] = value
		}
		if err := survivesOriginal(value, !known); err != nil {
			return invalid(op, fmt.Errorf("%s %q: %w", name, value, err))
		}
		if known && a.Kind == meta.Text && utf8.RuneCountInString(value) > originalLimit(name) {
			return &Error{Op: op.op, ID: op.id, Err: fmt.Errorf("%w: %s %q: the server keeps %d characters of it", ErrTooLong, name, value, originalLimit(name))}
		}
	}
	if size := jsonSize(custom); size > originalCustom {
		return &Error{Op: op.op, ID: op.id, Err: fmt.Errorf("%w: the custom attributes take %d bytes, and the server has room for %d", ErrNoSpace, size, originalCustom)}
	}
	return nil
}

// checkOriginalQuery refuses what the original server would paste into SQL, and another
// owner: it would answer with the user's own images instead.
func checkOriginalQuery(op call, accessKey string) error {
	if owner := op.query.Get("owner"); owner != "" && owner != accessKey {
		return invalid(op, fmt.Errorf("query owner %q: the server lists only images of %s", owner, accessKey))
	}
	for name, values := range op.query {
		for _, text := range append([]string{name}, values...) {
			if strings.ContainsAny(text, `'\`) {
				return invalid(op, fmt.Errorf(`query %q: the server cannot take ' or \`, text))
			}
		}
	}
	return nil
}

func originalLimit(name string) int {
	if name == "location" {
		return originalLong
	}
	return originalText
}

func jsonSize(custom map[string]string) int {
	text, err := json.Marshal(custom)
	if err != nil {
		return math.MaxInt // strings always encode
	}
	return len(text)
}

// Ruby's Integer() takes the first form, and the server stores the number that it
// stands for; what its Float() takes crashes the server.
var (
	rubyInteger  = regexp.MustCompile(`^[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[0-9][0-9_]*)$`)
	rubyFloat    = regexp.MustCompile(`^[+-]?[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9][0-9_]*)?$`)
	plainInteger = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
)

// survivesOriginal reports what the original server does to a value.
func survivesOriginal(value string, custom bool) error {
	switch {
	case strings.ContainsAny(value, `'\`):
		return errors.New(`the server cannot take ' or \`)
	case custom && strings.Contains(value, `"`):
		return errors.New(`the server cannot take " in a custom attribute`)
	case plainInteger.MatchString(value):
		return nil
	case rubyInteger.MatchString(value):
		return errors.New("the server would store the number that it reads in this")
	case rubyFloat.MatchString(value):
		return errors.New("the server cannot take a value that looks like a fraction or like 1e5")
	}
	return nil
}

// checkEcho compares the attributes in a reply with those that were sent.
func (op call) checkEcho(img *meta.Image) error {
	for name, sent := range op.fields {
		a, _ := meta.Lookup(name)
		if a.ServerOwned() || name == "location" { // a server may spell a location its own way
			continue
		}
		if stored, _ := img.Get(name); stored != sent {
			return mismatch(op, "%s %q was sent, %q is stored", name, sent, stored)
		}
	}
	return nil
}

// listOneByOne is for a detailed list that the original server fails to make because it
// cannot read one of the records: the brief list works, and so does HEAD of each good
// image. A broken record is an image with its brief attributes in the state error.
func (c *Client) listOneByOne(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	const atOnce = 8
	images, err := c.GetImages(ctx, query)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, brief := range images {
		group.Go(func() error {
			img, err := c.HeadImage(ctx, brief.ID)
			switch {
			case err == nil:
				images[i] = img
			case errors.Is(err, ErrNotFound):
				images[i] = nil // deleted meanwhile
			case errors.Is(err, ErrInternal):
				brief.Status, brief.Owner = meta.Failed, c.accessKey
			default:
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return withoutNil(images), nil
}

func withoutNil(images []*meta.Image) []*meta.Image {
	kept := images[:0]
	for _, img := range images {
		if img != nil {
			kept = append(kept, img)
		}
	}
	return kept
}

// isBrokenRecord reports whether a list failed in the original server's way over a
// record that it cannot read.
func isBrokenRecord(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.original && e.StatusCode == http.StatusServiceUnavailable && !isAway(e)
}

// blameQuery makes an error ErrInvalid where the original server means that it cannot take
// the query. It says so with the status of a fault; but the brief list, of which it reads no
// more than columns, fails over nothing else.
func blameQuery(query url.Values, err error) error {
	var e *Error
	if len(query) > 0 && isBrokenRecord(err) && errors.As(err, &e) {
		e.Err = ErrInvalid
	}
	return err
}

// isAway reports whether the original server says that a part of it does not run.
func isAway(e *Error) bool { return strings.Contains(e.Message, "Is it running?") }
