package original

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// field is one header field. In a request a name stands once, with all values
// that came under exactly that spelling.
type field struct {
	name   string
	values []string
}

// text is the field's value. VIS held the values of a repeated name in an array,
// and used that array's text.
func (f field) text() string {
	if len(f.values) == 1 {
		return f.values[0]
	}
	parts := make([]string, len(f.values))
	for i, v := range f.values {
		parts[i] = inspectString(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// header is the fields of a request in order, their names spelled as they were
// sent: VIS looked some up by exact spelling, which [net/http.Header] has lost.
type header []field

// parseHeader reads the lines after the request line. They have been checked.
func parseHeader(lines []string) header {
	var h header
	last := -1
	for _, line := range lines {
		line = strings.TrimRight(line, "\r\n")
		if last >= 0 && line != "" && (line[0] == ' ' || line[0] == '\t') { // a folded value
			values := h[last].values
			values[len(values)-1] += " " + strings.TrimLeft(line, " \t")
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		h, last = h.add(name, strings.TrimLeft(value, " \t"))
	}
	return h
}

// add appends a value; at is the index of its field.
func (h header) add(name, value string) (grown header, at int) {
	for i := range h {
		if h[i].name == name {
			h[i].values = append(h[i].values, value)
			return h, i
		}
	}
	return append(h, field{name, []string{value}}), len(h)
}

// exact returns the value of the field that is spelled like this.
func (h header) exact(name string) (string, bool) {
	for _, f := range h {
		if f.name == name {
			return f.text(), true
		}
	}
	return "", false
}

// folded returns the value of the last field of that name in any case.
func (h header) folded(name string) string {
	value := ""
	for _, f := range h {
		if strings.EqualFold(f.name, name) {
			value = f.text()
		}
	}
	return value
}

// metaPrefix is the original's own: it may stand anywhere in a name.
var metaPrefix = regexp.MustCompile(`(?i)x[_-]image[_-]meta[_-]`)

// metadata returns the attributes that the fields carry, in their order. route is
// the class that an error names.
func (h header) metadata(route string) (hash, error) {
	var m hash
	for _, f := range h {
		parts := metaPrefix.Split(f.name, 3)
		if len(parts) < 2 || parts[1] == "" {
			continue
		}
		if len(f.values) > 1 {
			return nil, fail(unexpected, "undefined method `match' for "+f.text()+":Array")
		}
		value, err := parseValue(f.text(), route)
		if err != nil {
			return nil, err
		}
		if !utf8.ValidString(f.text()) { // found when VIS wrote JSON for VMS
			return nil, fail(unexpected, "source sequence is illegal/malformed utf-8")
		}
		m = m.with(strings.ToLower(parts[1]), value)
	}
	return m, nil
}
