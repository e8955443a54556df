package visserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// refusal is an answer other than success; its message goes to the client.
type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`

	retryAfter time.Duration // when to ask again; 0 for nothing to say
}

func (e *refusal) Error() string { return e.Message }

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

func notFound(id meta.ID) *refusal {
	return refuse(http.StatusNotFound, "No image found with id '%s'.", id)
}

// refusalOf decides what the client learns of an error. What is not the client's
// doing stays in the log: it may name files of the server.
func refusalOf(err error) *refusal {
	if known, ok := errors.AsType[*refusal](err); ok {
		return known
	}
	if invalid, ok := errors.AsType[*meta.InvalidError](err); ok {
		return refuse(http.StatusBadRequest, "%s", invalid.Message)
	}
	if errors.Is(err, errClosed) {
		return refuse(http.StatusServiceUnavailable, "The server is shutting down")
	}
	if _, ok := errors.AsType[*bodyError](err); ok {
		return refuse(http.StatusBadRequest, "The request body could not be read to its end")
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return refuse(http.StatusInsufficientStorage, "The server's disk is full")
	}
	return refuse(http.StatusInternalServerError, "Internal server error, see the server's log")
}

// fail answers a request with an error, in headers when a reply has no body.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := refusalOf(err)
	if answer.Code >= 500 {
		level := slog.LevelError
		if answer.Code == http.StatusServiceUnavailable {
			level = slog.LevelWarn // nothing is broken
		}
		s.log.LogAttrs(r.Context(), level, "request failed",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if answer.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(answer.retryAfter.Seconds())))
	}
	if r.Method == http.MethodHead {
		w.Header().Set("x-error-code", strconv.Itoa(answer.Code))
		w.Header().Set("x-error-message", answer.Message)
		w.WriteHeader(answer.Code)
		return
	}
	e := setEncoding(w, r)
	w.WriteHeader(answer.Code)
	_, _ = w.Write(e.appendRefusal(nil, answer)) // the client has gone if this fails, here and below
}

// setEncoding chooses the form of a reply, and says so in its headers.
func setEncoding(w http.ResponseWriter, r *http.Request) *encoding {
	e := encodingOf(r)
	w.Header().Set("Content-Type", e.contentType)
	w.Header().Set("Vary", "Accept")
	return e
}

// writeImage answers with one image.
func writeImage(w http.ResponseWriter, c call, img *meta.Image, view meta.View) {
	e := setEncoding(w, c.Request)
	body := e.appendImage([]byte(e.image.open), img, view)
	_, _ = w.Write(append(body, e.image.close...))
}
