package visclient_test

import (
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visclient"
)

func TestNewTakesHostAndPortOrURL(t *testing.T) {
	for _, row := range []struct {
		o         visclient.Options
		url, host string
	}{
		{visclient.Options{}, "http://0.0.0.0:4568", "0.0.0.0"},
		{visclient.Options{Host: "vis.example.org"}, "http://vis.example.org:4568", "vis.example.org"},
		{visclient.Options{Port: 80}, "http://0.0.0.0:80", "0.0.0.0"},
		{visclient.Options{Host: "::1", Port: 1}, "http://[::1]:1", "::1"},
		{visclient.Options{URL: "https://vis.example.org", Host: "other", Port: 1}, "https://vis.example.org", "vis.example.org"},
		{visclient.Options{URL: "HTTP://10.0.0.1:4568/"}, "http://10.0.0.1:4568", "10.0.0.1"},
	} {
		row.o.AccessKey = "foo"
		c, err := visclient.New(row.o)
		if err != nil || c.URL() != row.url || c.Host() != row.host || c.AccessKey() != "foo" {
			t.Errorf("%+v: %v, %v", row.o, c, err)
		}
	}
}

func TestWrongURLIsRefusedWithoutItsPassword(t *testing.T) {
	const password = "s3cr3t"
	for _, url := range []string{
		"http://foo:" + password + "@host:4568",
		"http://" + password + "@:4568/",
		"http://foo:" + password + "@host:port",
		"http://foo:" + password + "@ho st:4568",
		"http://foo:" + password + "@[::1",
		"http://foo:" + password + "@host/%zz",
		"http://foo:" + password + "%zz@host",
		"http://foo:" + password + "@host\x7f",
		"foo:" + password + "@host:4568",
		"ftp://foo:" + password + "@host",
		"http:foo:" + password + "@host",
		"http:///foo:" + password + "@host",
		"http//foo:" + password + "@host",
		"://foo:" + password + "@host",
		"http://foo:" + password + "@host/path",
		"http://host?secret_key=" + password,
		"http://host/#" + password,
		"http://",
		"vis:4568",
		"vis",
		"/",
		"http://host/path",
		"http://host?",
	} {
		_, err := visclient.New(visclient.Options{URL: url, SecretKey: password})
		switch {
		case err == nil && url != "http://host?":
			t.Errorf("%q is accepted", url)
		case err != nil && strings.Contains(err.Error(), password):
			t.Errorf("%q: the password is in the error: %v", url, err)
		}
	}
}
