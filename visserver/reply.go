package visserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"

	"github.com/visorfs/visorfs/meta"
)

const jsonType = "application/json; charset=utf-8"

// refusal is an answer other than success; its message goes to the client.
type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
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
	if _, ok := errors.AsType[*bodyError](err); ok {
		return refuse(http.StatusBadRequest, "The request body could not be read to its end")
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return refuse(http.StatusInsufficientStorage, "The server's disk is full")
	case errors.Is(err, errClosed):
		return refuse(http.StatusServiceUnavailable, "The server is shutting down")
	}
	return refuse(http.StatusInternalServerError, "Internal server error, see the server's log")
}

// fail answers a request with an error, in headers when a reply has no body.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := refusalOf(err)
	if answer.Code >= 500 {
		s.log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if r.Method == http.MethodHead {
		w.Header().Set("x-error-code", strconv.Itoa(answer.Code))
		w.Header().Set("x-error-message", answer.Message)
		w.WriteHeader(answer.Code)
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // a number and a string always encode
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body) // the client has gone if this fails, here and below
}

// writeImage answers with one image.
func writeImage(w http.ResponseWriter, img *meta.Image, view meta.View) {
	body := append(img.AppendJSON([]byte(`{"image":`), view), '}')
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(body)
}
