package meta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// othersKey is where servers put custom attributes when they do not spread them
// over the object: null when there are none, JSON text after a DELETE.
const othersKey = "others"

// View selects the attributes that a reply shows.
type View int

// The views of VIS.
const (
	Brief  View = iota // GET /images
	Detail             // GET /images/detail, POST, PUT
	Full               // DELETE
)

// Shows reports whether the view includes a known attribute.
func (v View) Shows(a Attribute) bool {
	switch v {
	case Brief:
		return a.InBrief
	case Detail:
		return a.InDetail
	}
	return true
}

// MarshalJSON writes the full view.
func (img *Image) MarshalJSON() ([]byte, error) { return img.AppendJSON(nil, Full), nil }

// AppendJSON appends the image as a JSON object, in the order of [Attributes]:
// absent attributes are null, custom ones follow as strings.
func (img *Image) AppendJSON(b []byte, view View) []byte {
	b = append(b, '{')
	for i := range Attributes {
		a := &Attributes[i]
		if !view.Shows(*a) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, a.Name...)
		b = append(b, `":`...)
		b = a.appendValue(b, img)
	}
	if view != Brief {
		b = img.appendOther(b)
	}
	return append(b, '}')
}

func (img *Image) appendOther(b []byte) []byte {
	names := img.customNames()
	if len(names) == 0 {
		return append(b, `,"`+othersKey+`":null`...)
	}
	for _, name := range names {
		b = append(b, ',')
		b = appendString(b, name)
		b = append(b, ':')
		b = appendString(b, img.Other[name])
	}
	return b
}

// needsEscape is true for what is rare in attributes; it spares long listings an encoder per value.
func needsEscape(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r > 0x7e }

// appendValue appends an image's value, null if it has none.
func (a *Attribute) appendValue(b []byte, img *Image) []byte {
	switch {
	case a.Kind == Number && *a.number(img) != 0:
		return strconv.AppendInt(b, *a.number(img), 10)
	case a.Kind == Time && !a.time(img).IsZero():
		b = append(b, '"')
		b = a.time(img).AppendFormat(b, TimeLayout)
		return append(b, '"')
	case a.Kind == Text && a.getText(img) != "":
		return appendString(b, a.getText(img))
	}
	return append(b, "null"...)
}

// appendString writes text as encoding/json does, without its escapes for HTML.
func appendString(b []byte, text string) []byte {
	if !strings.ContainsFunc(text, needsEscape) {
		b = append(b, '"')
		b = append(b, text...)
		return append(b, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// UnmarshalJSON reads an image whatever the JSON types of its values: servers
// give numbers for names that look like one, strings for sizes, null, and custom
// attributes either spread over the object or under "others", as object or text.
// An object without _id is no image.
func (img *Image) UnmarshalJSON(data []byte) error {
	var p Parser
	var plain Image
	if size, outcome := p.parse(&plain, data); outcome == Read && size == len(data) {
		*img = plain
		return nil
	}
	return img.unmarshalAny(data)
}

// unmarshalAny is UnmarshalJSON for whatever is JSON.
func (img *Image) unmarshalAny(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	*img = Image{}
	for name, raw := range object {
		if name == othersKey && img.setOthers(raw) {
			continue
		}
		text, err := valueText(raw)
		if err != nil {
			return fmt.Errorf("image attribute %q: %w", name, err)
		}
		if text == "" {
			continue
		}
		if err := img.Set(name, text); err != nil {
			return fmt.Errorf("image attribute %w", err)
		}
	}
	if img.ID == "" {
		return &InvalidError{"image without _id"}
	}
	return nil
}

// setOthers takes custom attributes from the key others, and reports whether its
// value had the form of a set of them; if not it is a custom attribute itself.
func (img *Image) setOthers(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var set map[string]json.RawMessage
	if json.Unmarshal(raw, &set) != nil {
		return false
	}
	for name, value := range set {
		if _, known := byName[name]; known {
			continue // a custom attribute never shadows a known one
		}
		if text, err := valueText(value); err == nil && text != "" {
			_ = img.Set(name, text) // custom attributes take any text
		}
	}
	return true
}

// valueText returns the text form of a JSON value: null is empty, a number or
// boolean is its literal, an object or array its JSON.
func valueText(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		return "", nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return numberText(raw), nil
	}
	return string(raw), nil
}

// numberText spells whole numbers plainly, 1e3 as 1000, and leaves others as they are.
func numberText(raw []byte) string {
	if bytes.ContainsAny(raw, ".eE") {
		if f, err := strconv.ParseFloat(string(raw), 64); err == nil && f == float64(int64(f)) {
			return strconv.FormatInt(int64(f), 10)
		}
	}
	return string(raw)
}
