package visserver

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// encoding is a form of replies.
type encoding struct {
	contentType   string
	images        frame // around a list
	item          frame // around each image of a list
	between       string
	image         frame // around an image alone
	appendImage   func(b []byte, img *meta.Image, view meta.View) []byte
	appendRefusal func(b []byte, answer *refusal) []byte
}

// frame is the text before and after something.
type frame struct{ open, close string }

var jsonEncoding = encoding{
	contentType: "application/json; charset=utf-8",
	images:      frame{`{"images":[`, `]}`},
	between:     ",",
	image:       frame{`{"image":`, `}`},
	appendImage: func(b []byte, img *meta.Image, view meta.View) []byte { return img.AppendJSON(b, view) },
	appendRefusal: func(b []byte, answer *refusal) []byte {
		text, err := json.Marshal(answer)
		if err != nil {
			panic(err) // a number and a string always encode
		}
		return append(b, text...)
	},
}

const xmlOpen = `<?xml version="1.0" encoding="UTF-8"?>` + "\n<results>"

// xmlEncoding has the elements and line feeds of the original server.
var xmlEncoding = encoding{
	contentType: "application/xml; charset=utf-8",
	images:      frame{xmlOpen + "<images>", "</images>\n</results>"},
	item:        frame{"<item>", "</item>\n"},
	image:       frame{xmlOpen + "<image>", "</image>\n</results>"},
	appendImage: appendImageXML,
	appendRefusal: func(b []byte, answer *refusal) []byte {
		b = append(b, xmlOpen...)
		b = appendElement(b, "code", strconv.Itoa(answer.Code))
		b = appendElement(b, "message", answer.Message)
		return append(b, "</results>"...)
	},
}

// appendImageXML writes what AppendJSON of an image writes: an attribute without
// value is an empty element, and so is others when there is no custom one.
func appendImageXML(b []byte, img *meta.Image, view meta.View) []byte {
	for _, a := range meta.Attributes {
		if view.Shows(a) {
			text, _ := img.Get(a.Name)
			b = appendElement(b, a.Name, text)
		}
	}
	if view == meta.Brief {
		return b
	}
	custom := false
	for _, name := range img.Names() {
		if _, known := meta.Lookup(name); !known {
			text, _ := img.Get(name)
			b, custom = appendElement(b, name, text), true
		}
	}
	if !custom {
		b = appendElement(b, "others", "")
	}
	return b
}

func appendElement(b []byte, name, text string) []byte {
	name = elementName(name)
	var value bytes.Buffer
	if err := xml.EscapeText(&value, []byte(text)); err != nil {
		panic(err) // a buffer takes everything
	}
	b = append(b, "<"+name+">"...)
	b = append(b, value.Bytes()...)
	return append(b, "</"+name+">\n"...)
}

// elementName makes the name of an attribute one of an element. That must not
// begin with a digit or '-': such a character becomes _xHHHH_, as in SQL/XML.
func elementName(name string) string {
	if name != "" && strings.Contains("0123456789-", name[:1]) {
		return fmt.Sprintf("_x%04X_%s", name[0], name[1:])
	}
	return name
}
