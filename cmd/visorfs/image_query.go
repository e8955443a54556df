package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
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
	values, err := visclient.ParseQuery(q.query)
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
