package meta

import (
	"fmt"
	"time"
)

// TimeLayout is how VIS writes a time: whole seconds, numeric offset.
const TimeLayout = "2006-01-02 15:04:05 -0700"

// timeLayouts are the forms seen from servers: MySQL backends write an offset,
// Mongo backends the word UTC.
var timeLayouts = []string{TimeLayout, "2006-01-02 15:04:05 MST", time.RFC3339Nano}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(TimeLayout)
}

func parseTime(name, text string, to *time.Time) error {
	if text == "" {
		*to = time.Time{}
		return nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			*to = t
			return nil
		}
	}
	return &InvalidError{fmt.Sprintf("%s: %q is not a time like %s", name, text, TimeLayout)}
}

// plainTime reads a time in TimeLayout whose offset is 0, which is what most are. It is a
// multiple faster than time.Parse; a list has three times for each image.
func plainTime(text []byte) (t time.Time, ok bool) {
	const offset = " +0000"
	if len(text) != len("2006-01-02 15:04:05")+len(offset) || string(text[19:]) != offset ||
		text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}
	number := func(from, to int) (n int) {
		for _, b := range text[from:to] {
			if b < '0' || b > '9' {
				return -1 << 20 // of no part of a time
			}
			n = n*10 + int(b-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day // a 31st of April would be a 1st of May
}
