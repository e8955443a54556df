package visclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// goliathTries is how often a call is sent that the original server answers with 500,
// which is its answer to many a bad value, too.
const goliathTries = 3

// garbledTries is how often a call is sent whose replies make no sense. A proxy on the way
// may have mixed two up, but it is more likely that there is no VIS server.
const garbledTries = 3

// MayPass reports whether an operation that failed may succeed when the same is sent
// again later, and would then not be done twice: the network or the server had a fault
// of the passing kind, and what was sent is not stored. It is false for what the server
// or the client refused, for an error of an upload's source, for a cancelled context,
// and for ErrTimeout, after which the time to wait is over.
func MayPass(err error) bool { return mayPass(err, 0) }

// mayPass is [MayPass] after so many tries.
func mayPass(err error, try int) bool {
	var e *Error
	if !errors.As(err, &e) || e.final {
		return false
	}
	if e.passing {
		return true
	}
	switch e.StatusCode {
	case 0:
		return !slices.ContainsFunc(lasting, func(kind error) bool { return errors.Is(err, kind) })
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable: // the original server says so of any bad value, too
		return !e.original || isAway(e)
	case http.StatusInternalServerError:
		return !e.original || try < goliathTries
	}
	return false
}

// lasting are the kinds of failures without a reply that stay when the same is sent again.
var lasting = []error{
	ErrInvalid, ErrForbidden, ErrNotFound, ErrConflict, ErrTooLong, ErrTooLarge, ErrNoSpace, ErrTimeout, ErrMismatch,
	context.Canceled,
}

// isGarbled reports whether a reply of success was none to what was asked.
func isGarbled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.StatusCode == 0 && (e.final || errors.Is(err, ErrMismatch))
}

// retryAfter is how long the server asked not to be asked.
func retryAfter(err error) time.Duration {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.retryAfter
}

// mayBeDone reports whether a server may have carried out a call that failed.
func mayBeDone(err error) bool {
	var e *Error
	if !errors.As(err, &e) || neverSent(err) {
		return false
	}
	switch e.StatusCode {
	case 0, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// neverSent reports whether the connection for a request could not be made.
func neverSent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}
