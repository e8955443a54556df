package original

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// row is one row of the table images: column to value as text. A column that is
// missing is NULL. Rows do not change once they are shared.
type row map[string]string

// columnKind returns the type of a column; ok is false if there is none.
func columnKind(name string) (k meta.Kind, ok bool) {
	if name == othersColumn {
		return meta.Text, true
	}
	a, ok := meta.Lookup(name)
	return a.Kind, ok
}

// columnChars is the limit of a text column.
func columnChars(name string) int {
	switch name {
	case "uri", "location", "checksum", othersColumn:
		return 255
	}
	return 45
}

// set stores a value as MySQL does where its mode is not strict: what does not fit
// is made to fit, silently.
func (r row) set(column string, v sqlValue) {
	switch kind, _ := columnKind(column); kind {
	case meta.Number:
		r[column] = clampInt(v.text)
	case meta.Time:
		delete(r, column)
		if t, ok := naiveTime(v.text); ok {
			r[column] = t
		}
	default:
		r[column] = cutChars(latin1(v.text), columnChars(column))
	}
}

// clampInt fits a number into a signed column of 32 bits.
func clampInt(text string) string {
	n, ok := new(big.Int).SetString(strings.TrimSpace(intStart.FindString(text)), 10)
	if !ok {
		return "0"
	}
	switch {
	case n.Cmp(big.NewInt(math.MaxInt32)) > 0:
		return strconv.Itoa(math.MaxInt32)
	case n.Cmp(big.NewInt(math.MinInt32)) < 0:
		return strconv.Itoa(math.MinInt32)
	}
	return n.String()
}

var intStart = regexp.MustCompile(`^\s*[+-]?\d+`)

// naiveLayout is a time in a column, which knows no offset.
const naiveLayout = "2006-01-02 15:04:05"

// naiveTime is a time as a column keeps it: an offset is dropped, not converted.
func naiveTime(text string) (string, bool) {
	if len(text) > len(naiveLayout) {
		text = text[:len(naiveLayout)]
	}
	if _, err := time.Parse(naiveLayout, text); err != nil {
		return "", false // MySQL made it zero, which came out as null
	}
	return text, true
}

// latin1 replaces what the table's character set, Windows-1252, cannot hold.
func latin1(text string) string {
	const beyond = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
	return strings.Map(func(r rune) rune {
		if r < 0x80 || 0xa0 <= r && r <= 0xff || strings.ContainsRune(beyond, r) {
			return r
		}
		return '?'
	}, text)
}

func cutChars(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

// columns shows the row's columns of a view, without the custom attributes.
// Times get the offset of the server's zone.
func (r row) columns(view meta.View, zone *time.Location) hash {
	var h hash
	for _, a := range meta.Attributes {
		if !view.Shows(a) {
			continue
		}
		text, ok := r[a.Name]
		switch {
		case !ok:
			h = append(h, pair{a.Name, nil})
		case a.Kind == meta.Number:
			h = append(h, pair{a.Name, integer(text)})
		case a.Kind == meta.Time:
			t, _ := time.ParseInLocation(naiveLayout, text, zone)
			h = append(h, pair{a.Name, t.Format(rubyTime)})
		default:
			h = append(h, pair{a.Name, text})
		}
	}
	return h
}

// detail is the row as replies show it, custom attributes spread over it. A row
// whose custom attributes were cut cannot be shown any more.
func (r row) detail(zone *time.Location) (hash, error) {
	h := r.columns(meta.Detail, zone)
	packed, ok := r[othersColumn]
	if !ok {
		return append(h, pair{othersColumn, nil}), nil
	}
	custom, err := parseOthers(packed)
	if err != nil {
		return nil, fail(internal, fmt.Sprintf("859: unexpected token at '%s'", packed))
	}
	for _, p := range custom {
		h = h.with(p.key, p.value)
	}
	return h, nil
}

// full is the row as it is, which a DELETE shows.
func (r row) full(zone *time.Location) hash {
	h := r.columns(meta.Full, zone)
	if packed, ok := r[othersColumn]; ok {
		return append(h, pair{othersColumn, packed})
	}
	return append(h, pair{othersColumn, nil})
}

// counted is a copy of the row with one access more.
func (r row) counted(now time.Time) row {
	c := maps.Clone(r)
	n, _ := strconv.ParseInt(r["access_count"], 10, 32)
	c["access_count"] = strconv.FormatInt(min(n+1, math.MaxInt32), 10)
	c["accessed_at"] = now.Format(naiveLayout)
	return c
}
