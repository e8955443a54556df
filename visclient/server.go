package visclient

import (
	"net/http"
	"strings"
	"time"
)

// serverKind is what a server's replies tell of it.
type serverKind int32

const (
	unknownServer  serverKind = iota
	originalServer            // the Ruby VIS on Goliath: ignores Range, closes after an image's body without a word
	modernServer              // anything else
)

// learn notes what kind of server sent a reply.
func (c *Client) learn(h http.Header) {
	kind := modernServer
	if isOriginal(h) {
		kind = originalServer
	}
	c.server.Store(int32(kind))
}

func isOriginal(h http.Header) bool {
	return strings.Contains(h.Get("Server"), "Goliath") || h.Get("X-Stream") == "Goliath"
}

// mustClose reports whether the connection of a GET or HEAD is not to be used again: it
// is, of servers that are known to be modern. After an image's data the original closes
// the connection without a word, and a request that is sent on it is lost; after a HEAD
// that failed inside the server it sends a body that HTTP does not know of.
func (c *Client) mustClose() bool { return serverKind(c.server.Load()) != modernServer }

// dateOf is when a reply was made by the server's clock, which tells whole seconds; zero
// when it does not say.
func dateOf(h http.Header) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}
