package visclient

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/visorfs/visorfs/meta"
)

// describer makes images of the headers of replies, and remembers the last: the replies
// to many small reads of an image describe it in the same words, which are compared
// faster than they are parsed. It is safe for concurrent use.
type describer struct {
	last atomic.Pointer[description]
}

// description is an image and the headers that it was made of. It does not change.
type description struct {
	words map[string]string // of the attributes' headers, by their names in an http.Header
	image *meta.Image
}

// image returns what meta.ImageFromHeader does.
func (d *describer) image(h http.Header) (*meta.Image, error) {
	if last := d.last.Load(); last != nil && last.isOf(h) {
		return last.image.Clone(), nil
	}
	img, err := meta.ImageFromHeader(h)
	if err != nil {
		return nil, err
	}
	words := make(map[string]string)
	for name, values := range h {
		if isAttribute(name) && len(values) > 0 {
			words[name] = values[0]
		}
	}
	d.last.Store(&description{words, img.Clone()})
	return img, nil
}

func (d *description) isOf(h http.Header) bool {
	found := 0
	for name, values := range h {
		if !isAttribute(name) || len(values) == 0 {
			continue
		}
		if word, ok := d.words[name]; !ok || word != values[0] {
			return false
		}
		found++
	}
	return found == len(d.words)
}

// isAttribute reports whether a header carries an attribute.
func isAttribute(name string) bool {
	const prefix = meta.HeaderPrefix
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
