package meta

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() *Image {
	created := time.Date(2026, 11, 24, 3, 50, 22, 0, time.FixedZone("", 0))
	return &Image{
		ID: "671a6790-9f2a-4f63-83a7-c157220a2db7", URI: "http://127.0.0.1:4568/images/671a", Name: "Über \"x\"\\",
		Architecture: "x86_64", Access: Public, Format: "iso", Store: "file", Location: "file:///x.iso",
		Owner: "foo", Status: Available, Size: 10240, CreatedAt: created, UploadedAt: created, UpdatedAt: created,
		Checksum: "c3cd26e07e555c0116db237fbc06d99c", Other: map[string]string{"two-words": "v w", "num": "42"},
	}
}

func mustEqual(t *testing.T, got, want *Image) {
	t.Helper()
	for _, p := range []*time.Time{&got.CreatedAt, &got.UploadedAt, &got.UpdatedAt, &got.AccessedAt} {
		*p = p.UTC()
	}
	want = want.Clone()
	for _, p := range []*time.Time{&want.CreatedAt, &want.UploadedAt, &want.UpdatedAt, &want.AccessedAt} {
		*p = p.UTC()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	data, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var got Image
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	mustEqual(t, &got, sample())
}

func TestHeaderRoundTrip(t *testing.T) {
	h := make(http.Header)
	sample().SetHeader(h)
	got, err := ImageFromHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, sample())
}

// The reply that the original server gave (recording list-detail), byte for byte.
func TestJSONIsThatOfVIS(t *testing.T) {
	const reply = `{"_id":"a84f1932-9c74-40d6-a7e9-df0de89a2cd6","uri":"http://127.0.0.1:4568/images/a84f1932-9c74-40d6-a7e9-df0de89a2cd6","name":"First image","architecture":"x86_64","access":"public","type":null,"format":null,"store":null,"location":null,"kernel":null,"ramdisk":null,"owner":"foo","status":"locked","size":null,"created_at":"2026-11-24 03:49:28 +0000","uploaded_at":null,"updated_at":null,"checksum":null,"others":null}`
	var img Image
	if err := json.Unmarshal([]byte(reply), &img); err != nil {
		t.Fatal(err)
	}
	if got := string(img.AppendJSON(nil, Detail)); got != reply {
		t.Errorf("got  %s\nwant %s", got, reply)
	}
}

func TestJSONTakesAnyType(t *testing.T) {
	for name, test := range map[string]struct{ json, attribute, want string }{
		"number for a name":       {`{"_id":"a","name":2012}`, "name", "2012"},
		"float for a name":        {`{"_id":"a","name":12.04}`, "name", "12.04"},
		"text for a size":         {`{"_id":"a","size":"10240"}`, "size", "10240"},
		"float for a size":        {`{"_id":"a","size":1.5e3}`, "size", "1500"},
		"number for a custom":     {`{"_id":"a","num":42}`, "num", "42"},
		"bool for a custom":       {`{"_id":"a","b":true}`, "b", "true"},
		"others as text":          {`{"_id":"a","others":"{\"note\":\"v\"}"}`, "note", "v"},
		"others as object":        {`{"_id":"a","others":{"note":7}}`, "note", "7"},
		"others as a custom word": {`{"_id":"a","others":"zzz"}`, "others", "zzz"},
		"others shadows nothing":  {`{"_id":"a","owner":"foo","others":{"owner":"eve"}}`, "owner", "foo"},
		"time of a Mongo backend": {`{"_id":"a","created_at":"2026-11-24 03:49:28 UTC"}`, "created_at", "2026-11-24 03:49:28 +0000"},
	} {
		t.Run(name, func(t *testing.T) {
			var img Image
			if err := json.Unmarshal([]byte(test.json), &img); err != nil {
				t.Fatal(err)
			}
			if got, _ := img.Get(test.attribute); got != test.want {
				t.Errorf("%s = %q, want %q", test.attribute, got, test.want)
			}
		})
	}
}

func TestJSONThatIsNoImageIsAnError(t *testing.T) {
	for _, data := range []string{`{}`, `{"name":"x"}`, `[]`, `"x"`, `{"_id":"a","size":"many"}`, `{"_id":"a","size":-1}`, `{"_id":"a","created_at":"soon"}`} {
		if err := json.Unmarshal([]byte(data), new(Image)); err == nil {
			t.Errorf("%s: no error", data)
		}
	}
}

func TestValidationSpeaksAsVIS(t *testing.T) {
	for want, f := range map[string]Fields{
		"These fields are required: name, architecture":                                      {"format": "iso"},
		"These fields are required: name":                                                    {"architecture": "i386"},
		"These fields are read-only: uri":                                                    {"name": "x", "architecture": "i386", "uri": "http://x"},
		"Invalid format 'qcow2', available options: iso, vhd, vdi, vmdk, ami, aki, ari":      {"name": "x", "architecture": "i386", "format": "qcow2"},
		"Invalid architecture 'arm64', available options: i386, x86_64":                      {"name": "x", "architecture": "arm64"},
		"Invalid store 'nfs', available options: s3, cumulus, walrus, hdfs, lcs, http, file": {"name": "x", "architecture": "i386", "store": "nfs"},
		`Invalid note " v": blanks at the start or end are lost on the way`:                  {"name": "x", "architecture": "i386", "note": " v"},
		`Invalid name "a\nb": a control character cannot be sent`:                            {"name": "a\nb", "architecture": "i386"},
		`Invalid attribute name "Note": lower-case letters, digits, '-' and '_' make one`:    {"name": "x", "architecture": "i386", "Note": "v"},
		`size: "x" is not a whole number of 0 or more`:                                       {"name": "x", "architecture": "i386", "size": "x"},
	} {
		err := f.ValidateNew()
		var invalid *InvalidError
		if !errors.As(err, &invalid) || err.Error() != want {
			t.Errorf("%v:\ngot  %v\nwant %s", f, err, want)
		}
	}
	ok := Fields{"name": "Ubuntu 12.04 – Ωμέγα", "architecture": "x86_64", "format": "iso", "colour": "blue", "empty": ""}
	if err := ok.ValidateNew(); err != nil {
		t.Error(err)
	}
}

func TestVersionFollowsTheBytes(t *testing.T) {
	a := sample()
	b := sample()
	b.ID, b.Name, b.UpdatedAt = "other", "renamed", time.Now()
	if a.Version() != b.Version() {
		t.Error("the same MD5 and size under another id is another version")
	}
	b.Checksum = strings.Repeat("0", 32)
	if a.Version() == b.Version() {
		t.Error("another MD5 is the same version")
	}
	a.Checksum, b.Checksum = "etag", "etag"
	if a.Version() == b.Version() {
		t.Error("without an MD5, two images share a version")
	}
}

func FuzzImageJSON(f *testing.F) {
	f.Add([]byte(`{"_id":"a","name":1e5,"others":"{\"x\":[1]}"}`))
	f.Add([]byte(`{"_id":"a","size":9007199254740993,"created_at":"2026-11-24 03:49:28 UTC"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var img Image
		if json.Unmarshal(data, &img) != nil {
			return
		}
		again := new(Image)
		if err := json.Unmarshal(img.AppendJSON(nil, Full), again); err != nil {
			t.Fatalf("written %s, not read: %v", img.AppendJSON(nil, Full), err)
		}
		if a, b := img.AppendJSON(nil, Full), again.AppendJSON(nil, Full); string(a) != string(b) {
			t.Fatalf("changed on the way: %s, %s", a, b)
		}
	})
}

func FuzzImageHeader(f *testing.F) {
	f.Add("_id", "a", "size", "12")
	f.Add("_id", "a", "created_at", "2026-11-24 03:49:28 +0000")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		h := http.Header{}
		h.Set(HeaderName(k1), v1)
		h.Set(HeaderName(k2), v2)
		img, err := ImageFromHeader(h)
		if err != nil {
			return
		}
		out := make(http.Header)
		img.SetHeader(out)
		if _, err := ImageFromHeader(out); err != nil {
			t.Fatalf("written %v, not read: %v", out, err)
		}
	})
}

func TestChangeOfOneCustomAttributeCarriesAll(t *testing.T) {
	img := sample()
	for _, row := range []struct{ set, want Fields }{
		{Fields{"name": img.Name, "num": "42"}, Fields{}},
		{Fields{"type": "machine", "num": "42"}, Fields{"type": "machine"}},
		{Fields{"num": "43"}, Fields{"num": "43", "two-words": "v w"}},
		{Fields{"num": ""}, Fields{"num": "", "two-words": "v w"}},
		{Fields{"type": "machine", "new": "x"}, Fields{"type": "machine", "new": "x", "num": "42", "two-words": "v w"}},
	} {
		if got := img.Changed(row.set); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%v changes %v, want %v", row.set, got, row.want)
		}
	}
	img.Other = nil
	if got := img.Changed(Fields{"note": "n"}); !reflect.DeepEqual(got, Fields{"note": "n"}) {
		t.Errorf("the first custom attribute: %v", got)
	}
}
