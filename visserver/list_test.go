package visserver_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

// list returns the names of the images in a list.
func (v *vis) list(user, query string) []string {
	v.t.Helper()
	r := v.do(request{user: user, method: "GET", path: "/images" + query})
	if r.StatusCode == 404 {
		return nil
	}
	var got struct{ Images []attributes }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.StatusCode != 200 {
		v.t.Fatalf("%s: %s: %s", query, r.Status, r.body)
	}
	var names []string
	for _, img := range got.Images {
		names = append(names, img["name"].(string))
	}
	return names
}

func TestListsFilterAndSort(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("beta", strings.Repeat("x", 9), "format", "iso", "color", "red")
	v.post("Alpha One", strings.Repeat("x", 10), "format", "vhd")
	v.post("gamma", "", "access", "private", "format", "iso", "color", "Blue")
	for query, want := range map[string]string{
		"?sort=name":                   "Alpha One beta gamma",
		"?sort=name&dir=desc":          "gamma beta Alpha One",
		"?sort=size":                   "gamma beta Alpha One",
		"?sort=size&dir=DESC":          "Alpha One beta gamma",
		"?sort=name&format=iso":        "beta gamma",
		"?format=iso&status=locked":    "gamma",
		"?name=ALPHA+one":              "Alpha One",
		"?name=alpha%20One":            "Alpha One",
		"?name=beta&name=gamma":        "gamma",
		"?color=blue":                  "gamma",
		"?color=":                      "",
		"?size=9":                      "beta",
		"?access=private":              "gamma",
		"?owner=alice":                 "",
		"?nosuch=attribute":            "",
		"?sort=created_at&format=vhd":  "Alpha One",
		"?sort=access_count&color=red": "beta",
	} {
		if got := strings.Join(v.list("foo", query), " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestListsAreInOrderOfIDByDefault(t *testing.T) {
	v := start(t, visserver.Options{})
	for range 10 {
		v.post("same", "")
	}
	for _, query := range []string{"", "?sort=name", "?sort=name&dir=desc"} {
		r := v.do(request{method: "GET", path: "/images" + query})
		var got struct{ Images []attributes }
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(got.Images); i++ {
			if got.Images[i-1].id() >= got.Images[i].id() {
				t.Errorf("%q: %s before %s", query, got.Images[i-1].id(), got.Images[i].id())
			}
		}
	}
}

func TestBadQueryIsRefused(t *testing.T) {
	v := start(t, visserver.Options{})
	for query, message := range map[string]string{
		"?sort=nope":     "Invalid sort 'nope'",
		"?dir=sideways":  "Invalid dir 'sideways', available options: asc, desc",
		"?name=%zz":      "Invalid query",
		"?sort=name;dir": "Invalid query",
	} {
		v.do(request{method: "GET", path: "/images/detail" + query}).wantError(t, 400, message)
	}
}

func TestBriefListIsBrief(t *testing.T) {
	v := start(t, visserver.Options{})
	id := v.post("one", "", "color", "red").id()
	want := `{"images":[{"_id":"` + id + `","name":"one","architecture":"x86_64","type":null,"format":null,"store":null,"size":null}]}`
	if got := v.do(request{method: "GET", path: "/images/"}).body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := v.do(request{method: "GET", path: "/images/detail"}).body; !strings.Contains(got, `"color":"red"`) || strings.Contains(got, "access_count") {
		t.Errorf("detail: %s", got)
	}
}
