package original

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// rubyTime is how Ruby writes a Time.
const rubyTime = "2006-01-02 15:04:05 -0700"

// integer is a whole number of any size, as its decimal digits.
type integer string

func integerOf(n int64) integer { return integer(strconv.FormatInt(n, 10)) }

// pair is one entry of a hash. Its value is nil, a string, an integer, a hash or
// a []hash.
type pair struct {
	key   string
	value any
}

// hash is a Hash of Ruby, which keeps the order in which its keys came: that order
// shows in JSON, in headers and in the text of SQL errors.
type hash []pair

// get returns the value of a key; ok is false where there is none.
func (h hash) get(key string) (value any, ok bool) {
	for _, p := range h {
		if p.key == key {
			return p.value, true
		}
	}
	return nil, false
}

// text returns the value of a key as text, and whether it is there and not nil.
func (h hash) text(key string) (string, bool) {
	value, _ := h.get(key)
	return toText(value), value != nil
}

// with returns the hash with a key set: a known key keeps its place.
func (h hash) with(key string, value any) hash {
	for i := range h {
		if h[i].key == key {
			h[i].value = value
			return h
		}
	}
	return append(h, pair{key, value})
}

// toText is to_s for the scalar values of a hash.
func toText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case integer:
		return string(v)
	case string:
		return v
	}
	return fmt.Sprint(value)
}

// parseValue is what the original made of the text of a metadata header: whatever
// Integer() takes is a number, a full date is rewritten, and whatever Float()
// takes runs into a misspelt variable. route is the class that the error names.
func parseValue(text, route string) (any, error) {
	if n, ok := parseInteger(text); ok {
		return n, nil
	}
	if isFloat(text) {
		return nil, fail(unexpected, "undefined local variable or method `object' for "+object(route))
	}
	if date := dateForm.FindStringSubmatch(text); date != nil {
		return parseDate(date)
	}
	return text, nil
}

// object is how Ruby shows an instance of a route. The address varied.
func object(route string) string {
	return "#<Visor::Image::" + route + ":0x00007f358be8d498 @opts={}>"
}

var integerForm = regexp.MustCompile(`^[+-]?(0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*|0[bB][01]+(_[01]+)*|` +
	`0[dD][0-9]+(_[0-9]+)*|0[oO][0-7]+(_[0-7]+)*|0(_?[0-7]+)*|[1-9][0-9]*(_[0-9]+)*)$`)

// parseInteger is Integer() of Ruby: 42, 1_000, 0x10, 010 (octal), 0b11, 0d12.
func parseInteger(text string) (integer, bool) {
	text = strings.TrimFunc(text, isRubySpace)
	if !integerForm.MatchString(text) {
		return "", false
	}
	digits, base := strings.TrimLeft(text, "+-"), 0
	if len(digits) > 2 && (digits[1] == 'd' || digits[1] == 'D') { // the one prefix that Go does not know
		digits, base = strings.ReplaceAll(digits[2:], "_", ""), 10
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return "", false
	}
	if text[0] == '-' {
		n.Neg(n)
	}
	return integer(n.String()), true
}

var (
	decimalForm  = regexp.MustCompile(`^[+-]?(\d+(_\d+)*)?(\.\d+(_\d+)*)?([eE][+-]?\d+(_\d+)*)?$`)
	hexFloatForm = regexp.MustCompile(`^[+-]?0[xX][0-9a-fA-F]+(\.[0-9a-fA-F]+)?([pP][+-]?\d+)?$`)
)

// isFloat reports whether Float() of Ruby takes a text.
func isFloat(text string) bool {
	text = strings.TrimFunc(text, isRubySpace)
	mantissa := strings.TrimLeft(text, "+-")
	if mantissa == "" || !strings.ContainsAny(mantissa[:1], ".0123456789") {
		return false
	}
	return decimalForm.MatchString(text) || hexFloatForm.MatchString(text)
}

func isRubySpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

// dateForm is the original's own, unanchored: a text that holds a date becomes it.
var dateForm = regexp.MustCompile(`(\d{4})[-/](\d{1,2})[-/](\d{1,2})\s(\d{2}:\d{2}:\d{2})\s(\W)(\d{4})`)

func parseDate(m []string) (any, error) {
	sign := m[5]
	if sign != "-" {
		sign = "+"
	}
	normal := fmt.Sprintf("%s-%02s-%02s %s %s%s", m[1], m[2], m[3], m[4], sign, m[6])
	if _, err := time.Parse(rubyTime, normal); err != nil {
		return nil, fail(unexpected, "argument out of range")
	}
	return normal, nil
}

// inspect is the Ruby method of that name: what a value looks like in a dump.
func inspect(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case string:
		return inspectString(v)
	case hash:
		var parts []string
		for _, p := range v {
			parts = append(parts, inspectSymbol(p.key)+"=>"+inspect(p.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []hash:
		var parts []string
		for _, h := range v {
			parts = append(parts, inspect(h))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return toText(value)
}

var symbolForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func inspectSymbol(name string) string {
	if symbolForm.MatchString(name) {
		return ":" + name
	}
	return ":" + inspectString(name)
}

func inspectString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '#' && i+1 < len(s) && strings.ContainsRune("{$@", rune(s[i+1])):
			b.WriteString(`\#`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	b.WriteByte('"')
	return b.String()
}
