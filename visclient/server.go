package visclient

import (
	"net/http"
	"strings"
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

// keepsConnection reports whether the connection can be used again after an
// image's body: the original server is about to close it, and a request sent on
// it is lost.
func (c *Client) keepsConnection() bool { return serverKind(c.server.Load()) == modernServer }
