package visclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// The kinds of errors, for [errors.Is].
var (
	ErrInvalid   = errors.New("invalid request")                // 400, or found invalid before it was sent
	ErrForbidden = errors.New("no permission")                  // 401, 403
	ErrNotFound  = errors.New("not found")                      // 404
	ErrConflict  = errors.New("conflict")                       // 409
	ErrTooLong   = errors.New("too long for the server")        // an attribute, found before it was sent
	ErrTooLarge  = errors.New("too large for the server")       // an image, found before its last byte was sent
	ErrNoSpace   = errors.New("no space at the server")         // 413, 507; or found before it was sent
	ErrInternal  = errors.New("server error")                   // any other status of 500 and above
	ErrTimeout   = errors.New("no answer in time")              // see Options.Timeout
	ErrMismatch  = errors.New("the server's reply contradicts") // what was stored is not what was sent, or what came is not what was asked for

	ErrClock  = errors.New("the clocks differ") // of CheckAccess: an ErrForbidden that the Date of the request may be the reason for
	ErrNotVIS = errors.New("not a VIS server")  // of CheckAccess
	ErrNotTLS = errors.New("the server speaks http, not https")
)

// Error is a failed operation.
type Error struct {
	Op         string  // what was tried, e.g. "delete image"
	ID         meta.ID // of the image, if it has one
	StatusCode int     // of the reply; 0 when there was none
	Message    string  // the server's own words, if any
	Err        error   // the cause when there was no reply, or what is wrong with it

	original   bool          // the reply came from the original server
	final      bool          // to send the same again is of no use, or would do harm
	passing    bool          // the client is in conflict with what it broke off
	retryAfter time.Duration // for which the server wants not to be asked; 0 if it does not say
}

// Error is one line, fit for a log or a terminal, whatever the server sent.
func (e *Error) Error() string {
	parts := []string{e.Op}
	if e.ID != "" {
		parts[0] += " " + string(e.ID)
	}
	if e.StatusCode != 0 {
		parts = append(parts, strconv.Itoa(e.StatusCode))
	}
	switch {
	case e.Message != "":
		parts = append(parts, e.Message)
	case e.Err == nil && e.StatusCode != 0:
		parts[len(parts)-1] += " " + http.StatusText(e.StatusCode)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return printable(strings.Join(parts, ": "))
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether the error is of a kind.
func (e *Error) Is(kind error) bool {
	switch kind {
	case ErrInvalid, iofs.ErrInvalid:
		return e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusRequestedRangeNotSatisfiable
	case ErrForbidden, iofs.ErrPermission:
		return e.StatusCode == http.StatusForbidden || e.StatusCode == http.StatusUnauthorized
	case ErrNotFound, iofs.ErrNotExist:
		return e.StatusCode == http.StatusNotFound
	case ErrConflict:
		return e.StatusCode == http.StatusConflict
	case ErrNoSpace:
		return e.StatusCode == http.StatusRequestEntityTooLarge || e.StatusCode == http.StatusInsufficientStorage
	case ErrInternal:
		return e.StatusCode >= 500 && e.StatusCode != http.StatusInsufficientStorage
	}
	return false
}

// fail makes the error of an operation that got no proper reply. What ended ctx
// is a better cause than the transport's account of it.
func fail(ctx context.Context, c call, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &Error{Op: c.op, ID: c.id, Err: err}
}

// badReply makes the error of a reply of success that is not what VIS answers.
func badReply(ctx context.Context, c call, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var network *net.OpError
	cut := errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
	return &Error{Op: c.op, ID: c.id, Err: fmt.Errorf("not a reply of a VIS server: %w", err), final: !cut}
}

func invalid(c call, err error) error {
	return &Error{Op: c.op, ID: c.id, Err: fmt.Errorf("%w: %w", ErrInvalid, err)}
}

func mismatch(c call, format string, args ...any) error {
	return &Error{Op: c.op, ID: c.id, Err: fmt.Errorf("%w: "+format, append([]any{ErrMismatch}, args...)...)}
}
