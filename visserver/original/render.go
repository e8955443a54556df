package original

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// rendered is a reply through the renderer: encoded as the request wants it.
func rendered(req *request, res result) *reply {
	contentType := contentTypeOf(req)
	return renderedReply(res.status, contentType, nil, encode(res.body, contentType))
}

// renderedReply has the header fields of the renderer around some more.
func renderedReply(status int, contentType string, more []line, body []byte) *reply {
	header := []line{
		{"Content-Type", contentType},
		{"Server", serverRendered},
		{"Vary", "Accept"},
	}
	header = append(header, more...)
	header = append(header, line{"Content-Length", strconv.Itoa(len(body))})
	return &reply{status: status, header: header, body: body}
}

// formatTypes are the output formats that a parameter format= can name.
var formatTypes = map[string]string{
	"json": "application/json", "xml": "application/xml", "html": "text/html", "txt": "text/plain",
}

var encodings = regexp.MustCompile(`gzip|deflate|compressed|identity`)

// contentTypeOf returns the type of a rendered reply: what format= names, or else
// a copy of Accept.
func contentTypeOf(req *request) string {
	kind := acceptOf(req)
	if format := req.params.get("format"); strings.TrimSpace(format) != "" {
		kind = formatTypes[strings.TrimPrefix(format, ".")]
		if kind == "" {
			kind = "application/octet-stream"
		}
	}
	return kind + "; charset=utf-8"
}

func acceptOf(req *request) string {
	var accepted []string
	for part := range strings.SplitSeq(req.header.folded("Accept"), ",") {
		if part = strings.TrimSpace(part); part != "" && !encodings.MatchString(part) {
			accepted = append(accepted, part)
		}
	}
	if accept := strings.Join(accepted, ", "); accept != "" && accept != "*/*" {
		return accept
	}
	return "application/json"
}

// encode picks the encoder by the start of the content type. What none of them
// knows goes out as Ruby printed it.
func encode(body hash, contentType string) []byte {
	switch {
	case strings.HasPrefix(contentType, "application/json"),
		strings.HasPrefix(contentType, "application/javascript"):
		return appendJSON(nil, body)
	case strings.HasPrefix(contentType, "application/xml"):
		b := []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<results>")
		b = appendXML(b, body)
		return append(b, "</results>"...)
	}
	return []byte(dump(body))
}

func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case integer:
		return append(b, v...)
	case string:
		return appendJSONString(b, v)
	case hash:
		b = append(b, '{')
		for i, p := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, p.key), ':')
			b = appendJSON(b, p.value)
		}
		return append(b, '}')
	case []hash:
		b = append(b, '[')
		for i, h := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, h)
		}
		return append(b, ']')
	}
	panic("value of a type that no hash holds")
}

// appendJSONString does not escape for HTML; nor did Ruby.
func appendJSONString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// htmlEscaper is escape_html of Rack 1.4.
var htmlEscaper = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#x27;", `"`, "&quot;", "/", "&#x2F;")

func appendXML(b []byte, value any) []byte {
	switch v := value.(type) {
	case hash:
		for _, p := range v {
			b = appendXMLItem(b, p.key, p.value)
		}
		return b
	case []hash:
		for _, h := range v {
			b = appendXMLItem(b, "item", h)
		}
		return b
	}
	return append(b, htmlEscaper.Replace(toText(value))...)
}

func appendXMLItem(b []byte, name string, value any) []byte {
	b = append(b, "<"+name+">"...)
	b = appendXML(b, value)
	return append(b, "</"+name+">\n"...)
}

// dump is what became of a hash that no encoder took: its pairs, printed.
func dump(h hash) string {
	var b strings.Builder
	for _, p := range h {
		b.WriteString("[" + inspectSymbol(p.key) + ", " + inspect(p.value) + "]")
	}
	return b.String()
}
