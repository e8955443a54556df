package visclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzConfigFile(f *testing.F) {
	sample, err := os.ReadFile("testdata/visor-config.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	for _, text := range []string{
		"", "visor_image: {bind_port: 65536}", "a: &a [*a]\nvisor_image: *a", "visor_image: {<<: [1]}", "visor_image: {<<: *x}",
		"a: &a {<<: *a}\nvisor_image: *a", "{? {? a}: b}", "visor_image: !!binary x", strings.Repeat("[", 20_000), "visor_image: {? [] : 1}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseConfigFile("the file", data)
		switch {
		case err != nil && got != (ConfigFile{}) && !errors.Is(err, ErrNoImageSection):
			t.Errorf("%+v with %v", got, err)
		case err != nil && !strings.HasPrefix(err.Error(), "the file: "):
			t.Errorf("%v does not name the file", err)
		case err == nil && (got.Path != "the file" || got.Port < 0 || got.Port > 65535):
			t.Errorf("%+v", got)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, text := range []string{"bytes 5-14/20", "bytes 0-0/*", "bytes */20", "bytes -5-14/20", "bytes 5", "", "bytes ", "bytes 99999999999999999999-1/2"} {
		f.Add(text, int64(5), int64(10))
	}
	f.Fuzz(func(t *testing.T, text string, offset, length int64) {
		if offset < 0 || length <= 0 || length > 1<<40 || offset > 1<<40 {
			return
		}
		r := Range{Offset: offset, Length: length}
		if !r.answeredBy(text) {
			return
		}
		var from, to int64
		if n, err := fmt.Sscanf(text, "bytes %d-%d/", &from, &to); n != 2 || err != nil {
			t.Fatalf("%q is taken for a range: %v", text, err)
		}
		if from != offset || to < from || to >= offset+length {
			t.Errorf("%q answers %d bytes from %d", text, length, offset)
		}
	})
}

func FuzzErrorReply(f *testing.F) {
	f.Add("", []byte(`{"code":404,"message":"No image found"}`))
	f.Add("", []byte(`{"error":"undefined"}`))
	f.Add("x\x1b[2J", []byte("\x1b[2J\u009b\r\n\xff"))
	f.Add("", []byte(`{"message":"\u001b\u2028\ud800"}`))
	f.Add("", []byte(strings.Repeat("ä", 1000)))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		w := httptest.NewRecorder()
		w.Code = http.StatusForbidden
		w.Body.Write(body)
		resp := w.Result()
		resp.Header.Set("X-Error-Message", header)
		resp.Header.Set("Location", header)
		text := replyError(call{op: "list images", method: http.MethodGet}, resp).Error()
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 600 {
			t.Errorf("%q", text)
		}
	})
}
