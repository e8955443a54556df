package meta

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Parser reads the images of a list from JSON. It is much faster than encoding/json where
// objects are flat, as those of VIS are, and images that it has read share what they have
// in common: a list may be long. It is not safe for concurrent use.
type Parser struct {
	shared map[string]string
	texts  []byte     // those that are the image's own, one behind the other
	own    []ownText  // where they are
	custom []customOf // attributes
}

// ownText is a text that no other image has, as a part of Parser.texts.
type ownText struct {
	attribute  *Attribute
	start, end int
}

type customOf struct{ name, value string }

// What is shared has bounds: a list may have as many values as images.
const (
	maxShared      = 4096
	maxSharedBytes = 128
)

// Outcome says what [Parser.Parse] made of its data.
type Outcome int

// The outcomes.
const (
	Read    Outcome = iota // an image was read
	Short                  // the data end within an object that is plain so far
	Unplain                // UnmarshalJSON is to read this, or to say what is wrong with it
)

// Parse reads the image at the start of data, and returns it with the number of its bytes.
func (p *Parser) Parse(data []byte) (img *Image, size int, outcome Outcome) {
	img = new(Image)
	size, outcome = p.parse(img, data)
	if outcome != Read {
		return nil, 0, outcome
	}
	return img, size, Read
}

// parse takes flat objects: of texts, numbers, true, false and null, by names without
// escapes, none of them twice. It gives img what UnmarshalJSON would.
func (p *Parser) parse(img *Image, data []byte) (size int, outcome Outcome) {
	p.texts, p.own, p.custom = p.texts[:0], p.own[:0], p.custom[:0]
	in := scanner{data: data}
	if !in.take('{') {
		return 0, in.failure()
	}
	var seen uint64 // of Attributes
	for next := 0; ; {
		name, ok := in.plainText()
		if !ok || !in.take(':') {
			return 0, in.failure()
		}
		value, ok := in.value()
		if !ok {
			return 0, in.failure()
		}
		if at := indexOf(name, next); at < 0 {
			ok = p.addCustom(name, value)
		} else if ok = seen&(1<<at) == 0; ok {
			seen, next = seen|1<<at, at+1
			ok = p.set(img, &Attributes[at], value)
		}
		if !ok {
			return 0, Unplain
		}
		if in.take('}') {
			break
		}
		if !in.take(',') {
			return 0, in.failure()
		}
	}
	p.finish(img)
	if img.ID == "" {
		return 0, Unplain
	}
	return in.at, Read
}

// indexOf returns the place of a name in Attributes, or -1. Objects have their attributes
// in this order, so the one after the last is the first to be compared.
func indexOf(name []byte, next int) int {
	if next < len(Attributes) && string(name) == Attributes[next].Name {
		return next
	}
	if at, known := places[string(name)]; known {
		return at
	}
	return -1
}

var places = func() map[string]int {
	m := make(map[string]int, len(Attributes))
	for i, a := range Attributes {
		m[a.Name] = i
	}
	return m
}()

// set gives the image the value of an attribute that it knows. It reports false for one
// that takes more to read.
func (p *Parser) set(img *Image, a *Attribute, value jsonValue) bool {
	if value.isNull || len(value.text) == 0 {
		return true
	}
	switch {
	case a.Kind == Time:
		moment, ok := plainTime(value.text)
		if !ok {
			return a.set(img, string(value.text)) == nil
		}
		*a.time(img) = moment
	case a.Kind == Number:
		count, ok := plainNumber(value.text)
		if !ok {
			return a.set(img, string(value.text)) == nil
		}
		*a.number(img) = count
	case a.unique:
		p.addOwn(a, value.text)
	default:
		a.setText(img, p.share(value.text))
	}
	return true
}

// addOwn notes a text of the image's own. Where it ends as the one before, as a URI does
// with the id, the two are one piece of memory.
func (p *Parser) addOwn(a *Attribute, text []byte) {
	if n := len(p.own); n > 0 {
		before := &p.own[n-1]
		if length := before.end - before.start; length > 0 && bytes.HasSuffix(text, p.texts[before.start:before.end]) {
			p.texts = p.texts[:before.start]
			before.start += len(text) - length
			before.end = before.start + length
		}
	}
	start := len(p.texts)
	p.texts = append(p.texts, text...)
	p.own = append(p.own, ownText{a, start, len(p.texts)})
}

// addCustom notes a custom attribute. It reports false for one that takes more to read.
func (p *Parser) addCustom(name []byte, value jsonValue) bool {
	if string(name) == othersKey {
		return value.isNull
	}
	for _, c := range p.custom {
		if c.name == string(name) {
			return false
		}
	}
	p.custom = append(p.custom, customOf{p.share(name), p.share(value.text)})
	return true
}

// finish gives the image its texts, which are one piece of memory, and its custom
// attributes.
func (p *Parser) finish(img *Image) {
	texts := string(p.texts)
	for _, t := range p.own {
		t.attribute.setText(img, texts[t.start:t.end])
	}
	for _, c := range p.custom {
		if c.value == "" {
			continue
		}
		if img.Other == nil {
			img.Other = make(map[string]string, len(p.custom))
		}
		img.Other[c.name] = c.value
	}
}

// share returns a text that other images may have, too.
func (p *Parser) share(text []byte) string {
	if known, ok := p.shared[string(text)]; ok {
		return known
	}
	fresh := string(text)
	if len(fresh) <= maxSharedBytes && len(p.shared) < maxShared {
		if p.shared == nil {
			p.shared = make(map[string]string)
		}
		p.shared[fresh] = fresh
	}
	return fresh
}

// scanner reads JSON. When it cannot, failure says why.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) failure() Outcome {
	if s.at >= len(s.data) {
		return Short
	}
	return Unplain
}

// jsonValue is a value in its text form, see valueText. It is good until the next.
type jsonValue struct {
	text   []byte
	isNull bool
}

// take reads one byte of JSON's syntax, after what may be blank.
func (s *scanner) take(want byte) bool {
	for s.at < len(s.data) {
		switch b := s.data[s.at]; b {
		case want:
			s.at++
			return true
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return false
		}
	}
	return false
}

// plainText reads a text without escapes.
func (s *scanner) plainText() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	start, ascii := s.at, true
	for ; s.at < len(s.data); s.at++ {
		switch b := s.data[s.at]; {
		case b == '"':
			text := s.data[start:s.at]
			if !ascii && !utf8.Valid(text) {
				return nil, false
			}
			s.at++
			return text, true
		case b < ' ' || b == '\\':
			return nil, false
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

func (s *scanner) value() (jsonValue, bool) {
	start := s.at
	if text, ok := s.plainText(); ok {
		return jsonValue{text: text}, true
	}
	if s.at >= len(s.data) {
		return jsonValue{}, false
	}
	switch b := s.data[s.at]; {
	case b == '\\':
		s.at = start
		return s.escapedText()
	case b == 'n':
		return jsonValue{isNull: true}, s.word("null")
	case b == 't' || b == 'f':
		word := map[byte]string{'t': "true", 'f': "false"}[b]
		return jsonValue{text: []byte(word)}, s.word(word)
	}
	return s.number()
}

// escapedText reads a text with escapes.
func (s *scanner) escapedText() (jsonValue, bool) {
	s.take('"')
	start := s.at - 1
	for ; s.at < len(s.data); s.at++ {
		switch s.data[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			var text string
			if json.Unmarshal(s.data[start:s.at], &text) != nil {
				s.at = start
				return jsonValue{}, false
			}
			return jsonValue{text: []byte(text)}, true
		}
	}
	return jsonValue{}, false
}

func (s *scanner) word(word string) bool {
	rest := s.data[s.at:]
	if len(rest) < len(word) {
		s.at = len(s.data)
		return false
	}
	if string(rest[:len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// number reads a number, if its end is in the data.
func (s *scanner) number() (jsonValue, bool) {
	start := s.at
	for s.at < len(s.data) && bytes.IndexByte([]byte("+-.0123456789Ee"), s.data[s.at]) >= 0 {
		s.at++
	}
	literal := s.data[start:s.at]
	switch {
	case s.at == len(s.data) || len(literal) == 0:
		return jsonValue{}, false
	case !json.Valid(literal):
		s.at = start
		return jsonValue{}, false
	}
	if !bytes.ContainsAny(literal, ".eE") {
		return jsonValue{text: literal}, true
	}
	return jsonValue{text: []byte(numberText(literal))}, true
}

// plainNumber reads a number of digits alone that cannot be too large.
func plainNumber(text []byte) (n int64, ok bool) {
	if len(text) > 18 {
		return 0, false
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}
