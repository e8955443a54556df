package main

import (
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// complete returns what the program offers a shell for the last of some words, and
// whether files are offered too.
func complete(t *testing.T, words ...string) (offered []string, files bool) {
	t.Helper()
	root := newRoot()
	var out, stderr strings.Builder
	root.SetOut(&out)
	root.SetErr(&stderr)
	root.SetArgs(append([]string{"__completeNoDesc"}, words...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := len(lines) - 1
	if !strings.HasPrefix(lines[last], ":") {
		t.Fatalf("%q does not end with a directive", lines)
	}
	return lines[:last], lines[last] == ":0"
}

func TestValuesOfFlagsAndAttributesAreCompleted(t *testing.T) {
	isolate(t)
	for _, row := range []struct {
		words []string
		want  string // some of what is offered
		not   string
	}{
		{[]string{""}, "mount", "__complete"},
		{[]string{"completion", ""}, "fish", "powershell"},
		{[]string{"mount", "--verify", ""}, "always", ""},
		{[]string{"mount", "--architecture", ""}, "i386", ""},
		{[]string{"mount", "-o", ""}, "ro", ""},
		{[]string{"mount", "-o", "ro,"}, "ro,allow_other", "ro,ro"},
		{[]string{"mount", "--options=no_"}, "no_overwrite", "ro"},
		{[]string{"image", "list", "--sort", ""}, "size", ""},
		{[]string{"image", "list", "--dir", ""}, "desc", ""},
		{[]string{"image", "list", "--query", "arch"}, "architecture=", "format="},
		{[]string{"image", "list", "--query", "size=1&format="}, "size=1&format=iso", ""},
		{[]string{"image", "add", "typ"}, "type=", "size="},
		{[]string{"image", "add", "a.iso", ""}, "access=", "_id="},
		{[]string{"image", "add", "a.iso", "access=public", ""}, "type=", "access="},
		{[]string{"image", "update", "a.iso", "access="}, "access=private", "access="},
		{[]string{"image", "update", "a.iso", "kernel="}, "", "kernel="},
	} {
		offered, files := complete(t, row.words...)
		if files || row.want != "" && !slices.Contains(offered, row.want) || row.not != "" && slices.Contains(offered, row.not) {
			t.Errorf("%q: %q (files %v), want %q and not %q", row.words, offered, files, row.want, row.not)
		}
	}
	for _, words := range [][]string{{"image", "add", ""}, {"image", "add", "./t"}, {"image", "get", "a.iso", ""}, {"mount", "--ca-file", ""}, {"serve", "--users", ""}} {
		if offered, files := complete(t, words...); !files || len(offered) > 0 {
			t.Errorf("%q: %q, want files", words, offered)
		}
	}
}

func TestImagesAreCompletedFromTheServer(t *testing.T) {
	isolate(t)
	vis, err := visserver.New(visserver.Options{Dir: t.TempDir(), Users: map[string]string{"foo": "bar"}})
	if err != nil {
		t.Fatal(err)
	}
	defer vis.Close()
	s := httptest.NewServer(vis)
	defer s.Close()
	client, err := visclient.New(visclient.Options{URL: s.URL, AccessKey: "foo", SecretKey: "bar"})
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, name := range []string{"debian.iso", "two words.iso", "twin.iso", "twin.iso"} {
		img, err := client.PostImage(t.Context(), meta.Fields{"name": name, "architecture": "x86_64"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = string(img.ID)
	}
	keys := []string{"--url", s.URL, "--access-key", "foo", "--secret-key", "bar"}
	for _, row := range []struct {
		words []string
		want  []string
	}{
		{[]string{"show", "deb"}, []string{"debian.iso"}},
		{[]string{"get", "two"}, []string{"two words.iso"}},
		{[]string{"update", ids["debian.iso"][:8]}, []string{ids["debian.iso"]}},
		{[]string{"delete", ids["twin.iso"][:8]}, []string{ids["twin.iso"]}},
		{[]string{"delete", "debian.iso", "deb"}, nil},
		{[]string{"show", "twin"}, nil}, // two have the name
		{[]string{"show", "debian.iso", ""}, nil},
		{[]string{"list", ""}, nil},
	} {
		words := slices.Concat([]string{"image"}, keys, row.words)
		if offered, files := complete(t, words...); !slices.Equal(offered, row.want) || files {
			t.Errorf("image %q: %q, want %q", row.words, offered, row.want)
		}
	}
	if offered, _ := complete(t, slices.Concat([]string{"image"}, keys, []string{"show", ""})...); len(offered) != 4 {
		t.Errorf("of four images %q are offered", offered)
	}
}

func TestCompletionIsSilentAndSoonGivesUpWithoutAServer(t *testing.T) {
	isolate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, flags := range [][]string{
		nil, // no keys
		{"--url", "http://127.0.0.1:1", "--access-key", "foo", "--secret-key", "bar"},
		{"--url", "http://" + l.Addr().String(), "--access-key", "foo", "--secret-key", "bar"},
		{"--url", "nonsense://", "--access-key", "foo", "--secret-key", "bar"},
		{"--access-key", "foo", "--secret-key-file", "none"},
	} {
		begin := time.Now()
		offered, files := complete(t, slices.Concat([]string{"image"}, flags, []string{"show", ""})...)
		if took := time.Since(begin); len(offered) > 0 || files || took > 20*time.Second {
			t.Errorf("%q: %q after %v", flags, offered, took)
		}
	}
}

func TestNamesThatWouldMisleadAShellAreOfferedAsIDs(t *testing.T) {
	const id = "5662192c-fe11-4f4a-9f55-e2bc69a186d5"
	for _, name := range []string{"two\nlines", "tab\tbed", "-rf", "\x1b[2J", "", "bad\xff"} {
		got := imageCandidates([]*meta.Image{{ID: id, Name: name}}, nil, "")
		if len(got) != 1 || !strings.HasPrefix(got[0], id+"\t") || strings.Contains(got[0], "\n") || strings.Count(got[0], "\t") != 1 {
			t.Errorf("%q: %q", name, got)
		}
	}
	if got := imageCandidates([]*meta.Image{{ID: "x\ny", Name: "-"}}, nil, ""); len(got) > 0 {
		t.Errorf("an id with a line break: %q", got)
	}
}
