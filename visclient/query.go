package visclient

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// ParseQuery reads the query of a list as people write it:
// ATTRIBUTE=VALUE[&ATTRIBUTE=VALUE...], encoded like that of a URL, each attribute once.
func ParseQuery(text string) (url.Values, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, err
	}
	for name, given := range values {
		switch {
		case name == "" || slices.Contains(given, ""):
			return nil, errors.New("it holds no ATTRIBUTE=VALUE")
		case len(given) > 1:
			return nil, fmt.Errorf("it names %s more than once", name)
		}
	}
	return values, nil
}

// Selects reports whether a query does more than order: if not, it is answered with every
// image.
func Selects(query url.Values) bool {
	for name := range query {
		if name != "sort" && name != "dir" {
			return true
		}
	}
	return false
}
