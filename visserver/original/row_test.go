package original

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestSizesAreClamped(t *testing.T) {
	for text, want := range map[string]string{
		"20000": "20000", "5000000000": "2147483647", "2516582400": "2147483647", "-5000000000": "-2147483648",
		"12abc": "12", "abc": "0", "": "0", "-3": "-3", "+3": "3",
	} {
		r := make(row)
		if r.set("size", sqlValue{text: text}); r["size"] != want {
			t.Errorf("%q is stored as %s, want %s", text, r["size"], want)
		}
	}
}

func TestTextsAreMadeToFit(t *testing.T) {
	r := make(row)
	r.set("name", sqlValue{text: strings.Repeat("é", 100)})
	r.set("location", sqlValue{text: strings.Repeat("x", 300)})
	r.set("kernel", sqlValue{text: "á€✓"})
	r.set("uploaded_at", sqlValue{text: "2012-06-15 21:05:20 +0100"})
	r.set("updated_at", sqlValue{text: "soon"})
	want := row{"name": strings.Repeat("é", 45), "location": strings.Repeat("x", 255), "kernel": "á€?",
		"uploaded_at": "2012-06-15 21:05:20"}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %v, want %v", r, want)
	}
}

func TestOthersKeepTheirOrder(t *testing.T) {
	got, err := parseOthers(`{"b":"x","a":12345678901234567890,"c":"back\slash"}`)
	want := hash{{"b", "x"}, {"a", integer("12345678901234567890")}, {"c", "backslash"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	for _, text := range []string{"", "{", `{"a":"b`, `{"a":"b"} x`, `{"a":{}}`, `[]`, `{"a" "b"}`, `{"a":"b"c}`} {
		if got, err := parseOthers(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestReplyOnTheWire(t *testing.T) {
	var b bytes.Buffer
	r := plainReply(404, []line{{"x-one", "a\nb\r\n"}, {"x-none", ""}}, "body")
	if err := r.writeTo(&b, "today"); err != nil {
		t.Fatal(err)
	}
	const want = "HTTP/1.1 404 Not Found\r\nx-one: a\r\nx-one: b\r\nContent-Length: 4\r\nServer: Goliath\r\nDate: today\r\n\r\nbody"
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

func TestChunks(t *testing.T) {
	var b bytes.Buffer
	for _, block := range []string{"hello", "", strings.Repeat("x", 20)} {
		if n, err := (chunkWriter{&b}).Write([]byte(block)); n != len(block) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "5\r\nhello\r\n14\r\n" + strings.Repeat("x", 20) + "\r\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if got := chunkOverhead(blockBytes); got != 9 {
		t.Errorf("a block has %d bytes around it, want 9", got)
	}
}
