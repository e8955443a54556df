package original

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// othersColumn holds all custom attributes of an image, as JSON text of at most 255
// characters. Longer text was cut, and then was no JSON any more.
const othersColumn = "others"

// packOthers moves the custom attributes into one column, the last.
func packOthers(h hash) hash {
	var known, custom hash
	for _, p := range h {
		if _, ok := meta.Lookup(p.key); ok {
			known = append(known, p)
		} else {
			custom = append(custom, p)
		}
	}
	if len(custom) == 0 {
		return known
	}
	return slices.Concat(known, hash{{othersColumn, string(appendJSON(nil, custom))}})
}

// uselessEscape is a backslash that Ruby's JSON ignores and Go's refuses.
var uselessEscape = regexp.MustCompile(`\\([^"\\/bfnrtu])`)

// parseOthers reads the JSON of custom attributes, in its order.
func parseOthers(text string) (hash, error) {
	text = uselessEscape.ReplaceAllString(text, "$1")
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotFlat
	}
	var h hash
	for dec.More() {
		key, err := scalar(dec)
		if err != nil {
			return nil, err
		}
		value, err := scalar(dec)
		if err != nil {
			return nil, err
		}
		h = h.with(toText(key), value)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotFlat
	}
	return h, nil
}

// scalar reads a text, number or null.
func scalar(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string, nil:
		return v, nil
	case json.Number:
		return integer(v), nil
	}
	return nil, errNotFlat
}

var errNotFlat = errors.New("not an object of texts and numbers")
