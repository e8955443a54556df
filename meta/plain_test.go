package meta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The two ways to read an image must not be told apart by what they read.
func FuzzPlainJSON(f *testing.F) {
	for _, text := range []string{
		string(sample().AppendJSON(nil, Full)),
		`{"_id":"a","name":"Über \"x\"\\","size":1.5e3,"others":null}`,
		`{"_id":"a","name":"x","name":null}`, `{"_id":"a","note":"x","note":""}`,
		`{"_id":"a","size":-1}`, `{"_id":"a","size":007}`, `{"_id":"a","size":"x","size":1}`, `{"_id":"a","size":12345678901234567890}`,
		`{"_id":"a","created_at":"2026-02-29 00:00:00 +0000"}`, `{"_id":"a","created_at":"2026-02-28 23:59:60 +0000"}`,
		`{"_id":"a","created_at":"2026-11-24 03:49:28 +0130"}`, "{\"_id\":\"\xff\"}", "{\"_id\":\"a\nb\"}", `{"_id":"a","x":tru}`,
		` { "_id" : 12 , "b" : true , "n" : null } `, `{"_id":"a"}x`, `{"_id":"a","others":{"x":1}}`, `{"_id":"a","n\u0061me":"x"}`, `{"_id":"\ud800"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, size, outcome := new(Parser).Parse(data)
		if outcome != Read {
			return
		}
		var want Image
		if err := want.unmarshalAny(data[:size]); err != nil {
			t.Fatalf("%q: %v, but it was read", data[:size], err)
		}
		for _, img := range []*Image{plain, &want} {
			for _, a := range Attributes {
				if a.Kind == Time {
					*a.time(img) = a.time(img).UTC()
				}
			}
		}
		if !reflect.DeepEqual(plain, &want) {
			t.Errorf("%q\ngot  %+v\nwant %+v", data[:size], plain, want)
		}
	})
}

func TestObjectsOfVISArePlain(t *testing.T) {
	for name, text := range map[string]string{
		"detail":           string(sample().AppendJSON(nil, Detail)),
		"brief":            string(sample().AppendJSON(nil, Brief)),
		"after a DELETE":   string(sample().AppendJSON(nil, Full)),
		"others is null":   `{"_id":"a","others":null}`,
		"blanks":           " { \"_id\" :\t\"a\" ,\n\"size\" : 12 } ",
		"escapes":          `{"_id":"a","name":"\u00dcber \"x\"\\"}`,
		"text for a size":  `{"_id":"a","size":"10240"}`,
		"another offset":   `{"_id":"a","created_at":"2026-11-24 03:49:28 +0130"}`,
		"a float":          `{"_id":"a","name":12.04,"size":1e3}`,
		"unordered":        `{"size":1,"name":"x","_id":"a"}`,
		"number, then end": `{"_id":"a","size":1}`,
	} {
		img, size, outcome := new(Parser).Parse([]byte(text + ","))
		if outcome != Read || size != len(strings.TrimSpace(text))+len(text)-len(strings.TrimLeft(text, " ")) {
			t.Errorf("%s: outcome %d after %d bytes", name, outcome, size)
			continue
		}
		var want Image
		if err := want.unmarshalAny([]byte(text)); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, img, &want)
	}
}

func TestPlainObjectThatIsCutIsShort(t *testing.T) {
	text := sample().AppendJSON(nil, Detail)
	text = bytes.Replace(text, []byte("null"), []byte("true"), 1)
	for n := range text {
		if _, _, outcome := new(Parser).Parse(text[:n]); outcome != Short {
			t.Fatalf("%s: outcome %d", text[:n], outcome)
		}
	}
}

func TestImagesShareWhatTheyHaveInCommon(t *testing.T) {
	img := sample()
	img.Name = "debian.iso" // reading escapes takes memory of its own
	text := img.AppendJSON(nil, Detail)
	var p Parser
	if _, _, outcome := p.Parse(text); outcome != Read {
		t.Fatal(outcome)
	}
	perImage := testing.AllocsPerRun(100, func() { p.Parse(text) })
	if perImage > 5 { // the image, its own texts, and a map of custom attributes
		t.Errorf("%v pieces of memory for an image", perImage)
	}
}

func TestPlainTimeIsThatOfTheLibrary(t *testing.T) {
	for year := 1; year < 10_000; year += 37 {
		for day := range 370 {
			want := time.Date(year, 1, 1+day, day%24, day%60, day%59, 0, time.UTC)
			if got, ok := plainTime([]byte(want.Format(TimeLayout))); !ok || !got.Equal(want) {
				t.Fatalf("%s read as %s", want, got)
			}
		}
	}
}

func BenchmarkImageJSON(b *testing.B) {
	img := sample()
	img.Other, img.Name = nil, "release-012/build-012345-amd64.iso"
	text := img.AppendJSON(nil, Detail)
	for name, read := range map[string]func() error{
		"any":   func() error { return new(Image).unmarshalAny(text) },
		"plain": func() error { return json.Unmarshal(text, new(Image)) },
		"list": func() func() error {
			var p Parser
			return func() error {
				if _, _, outcome := p.Parse(text); outcome != Read {
					return fmt.Errorf("outcome %d", outcome)
				}
				return nil
			}
		}(),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			text = img.AppendJSON(text[:0], Detail)
		}
	})
}
