package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// size is a flag's value: a number of bytes, written like 256MiB.
type size int64

func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size; write one like 256MiB or 1GiB", text)
	}
	*s = size(n)
	return nil
}

// String is rounded nowhere, so that it can be read again.
func (s *size) String() string {
	if *s == 0 {
		return "0"
	}
	text := humanize.IBytes(uint64(*s))
	if n, err := humanize.ParseBytes(text); err != nil || n != uint64(*s) {
		return strconv.FormatInt(int64(*s), 10)
	}
	return text
}

func (s *size) Type() string { return "SIZE" }
