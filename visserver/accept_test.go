package visserver_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func (v *vis) accepting(accept string, q request) reply {
	v.t.Helper()
	r := v.prepare(q)
	r.Header.Set("Accept", accept)
	return v.send(r)
}

// wellFormed reads XML to its end.
func wellFormed(text string) error {
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestAcceptChoosesTheForm(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("x", "")
	const json, xml = "application/json; charset=utf-8", "application/xml; charset=utf-8"
	for accept, want := range map[string]string{
		"application/xml":                                                 xml,
		"Application/XML; charset=utf-8":                                  xml,
		"application/xml, application/json;q=0.9":                         xml,
		"application/xml;q=0.2, */*;q=0.1":                                xml,
		"application/json;q=0, application/*":                             xml,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": xml,
		"":                                  json,
		"*/*":                               json,
		"application/*":                     json,
		"application/json":                  json,
		"application/json, application/xml": json,
		"application/xml, application/json": json,
		"application/xml;q=0.5, application/json": json,
		"application/xml;q=0":                     json,
		"application/xml;q=0.5, */*":              json,
		"text/html":                               json,
		"text/xml":                                json,
		"application/octet-stream":                json,
		"nonsense;;;q=, ,":                        json,
	} {
		r := v.accepting(accept, request{method: "GET", path: "/images"})
		if got := r.Header.Get("Content-Type"); got != want || r.Header.Get("Vary") != "Accept" {
			t.Errorf("Accept %q: %s, Vary %q, want %s", accept, got, r.Header.Get("Vary"), want)
		}
		if want == xml && wellFormed(r.body) != nil {
			t.Errorf("Accept %q: %s", accept, r.body)
		}
	}
}

func TestXMLHasTheElementsOfTheOriginal(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post(`<a> & "b" it's`, "", "format", "iso", "3d", "yes")
	const odd = `&lt;a&gt; &amp; &#34;b&#34; it&#39;s`
	get := func(q request) string { return v.accepting("application/xml", q).body }
	head := "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<results>"
	brief := "<_id>" + img.id() + "</_id>\n<name>" + odd + "</name>\n<architecture>x86_64</architecture>\n<type></type>\n<format>iso</format>\n<store></store>\n<size></size>\n"
	if got, want := get(request{method: "GET", path: "/images"}), head+"<images><item>"+brief+"</item>\n</images>\n</results>"; got != want {
		t.Errorf("list:\n%s\nwant\n%s", got, want)
	}
	detail := get(request{method: "GET", path: "/images/detail"})
	for _, want := range []string{"<status>locked</status>\n<size></size>\n", "<_x0033_d>yes</_x0033_d>\n</item>"} {
		if !strings.Contains(detail, want) {
			t.Errorf("no %s in\n%s", want, detail)
		}
	}
	put := get(request{method: "PUT", path: img.path(), header: headers("type", "machine", "3d", "")})
	if !strings.HasPrefix(put, head+"<image><_id>") || !strings.HasSuffix(put, "<checksum></checksum>\n<others></others>\n</image>\n</results>") {
		t.Errorf("image:\n%s", put)
	}
	gone := get(request{method: "DELETE", path: img.path()})
	if !strings.Contains(gone, "<access_count></access_count>") {
		t.Errorf("deleted image:\n%s", gone)
	}
	for _, text := range []string{detail, put, gone} {
		if err := wellFormed(text); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
	if got, want := get(request{method: "GET", path: "/images/missing"}), head+"<code>404</code>\n<message>No image found with id &#39;missing&#39;.</message>\n</results>"; got != want {
		t.Errorf("error:\n%s\nwant\n%s", got, want)
	}
	if r := v.accepting("application/xml", request{method: "GET", path: "/images/%00%ff"}); r.StatusCode != 404 || wellFormed(r.body) != nil {
		t.Errorf("error with what XML cannot have: %s %q", r.Status, r.body)
	}
}
