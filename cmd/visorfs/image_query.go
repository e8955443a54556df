package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/meta"
)

const queryForm = "write it like 'architecture=x86_64&format=iso'"

// queryFlags select and order images.
type queryFlags struct {
	query string
	sort  string
	dir   string
}

func (q *queryFlags) addQuery(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&q.query, "query", "", "`QUERY` as in a URL, 'architecture=x86_64&format=iso': "+usage)
}

func (q *queryFlags) addOrder(flags *pflag.FlagSet) {
	flags.StringVar(&q.sort, "sort", "", "`ATTRIBUTE` to sort by (default name)")
	flags.StringVar(&q.dir, "dir", "", "`DIRECTION` of the order: asc or desc (default asc)")
}

// values checks the flags and returns them as the query of a request.
func (q *queryFlags) values() (url.Values, error) {
	values, err := parseQuery(q.query)
	if err != nil {
		return nil, usageError{fmt.Errorf("--query %q: %w; %s", q.query, err, queryForm)}
	}
	if q.sort != "" {
		values.Set("sort", q.sort)
	}
	if q.dir != "" {
		values.Set("dir", q.dir)
	}
	if !values.Has("sort") {
		values.Set("sort", "name")
	}
	if sort := values.Get("sort"); !isAttribute(sort) {
		return nil, usageError{fmt.Errorf("--sort %s: no such attribute; there are: %s", sort, attributeNames())}
	}
	if dir := values.Get("dir"); dir != "" && dir != "asc" && dir != "desc" {
		return nil, usageError{fmt.Errorf("--dir %s: want asc or desc", dir)}
	}
	return values, nil
}

// parseQuery reads ATTRIBUTE=VALUE[&ATTRIBUTE=VALUE...], each attribute once.
func parseQuery(text string) (url.Values, error) {
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

func isAttribute(name string) bool {
	_, known := meta.Lookup(name)
	return known
}

func attributeNames() string {
	var names []string
	for _, a := range meta.Attributes {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}
