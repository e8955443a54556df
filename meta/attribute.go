package meta

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The values that VIS takes, in the order of its own messages.
var (
	Architectures = []string{"i386", "x86_64"}
	Accesses      = []string{Public, Private}
	Formats       = []string{"iso", "vhd", "vdi", "vmdk", "ami", "aki", "ari"}
	Types         = []string{"kernel", "ramdisk", "machine"}
	Stores        = []string{"s3", "cumulus", "walrus", "hdfs", "lcs", "http", "file"}
)

// Kind is the JSON type of an attribute.
type Kind int

// The kinds of attributes.
const (
	Text   Kind = iota // JSON string
	Number             // JSON number, a count or bytes
	Time               // JSON string, see [TimeLayout]
)

// Attribute describes one attribute that VIS knows.
type Attribute struct {
	Name     string
	Kind     Kind
	Required bool     // must be given when an image is registered
	ReadOnly bool     // VIS refuses it in a request
	Derived  bool     // VIS takes it in a request, but it describes the stored data or their owner: not for users to change
	Values   []string // the values allowed; nil for any

	InBrief  bool // shown in the brief list
	InDetail bool // shown in the detailed list and in replies to POST and PUT; otherwise after DELETE only

	get func(*Image) string
	set func(*Image, string) error
}

// Attributes is the one table of what VIS knows of an image, in the order of its
// replies.
var Attributes = []Attribute{
	{Name: "_id", ReadOnly: true, InBrief: true, InDetail: true,
		get: func(i *Image) string { return string(i.ID) },
		set: func(i *Image, v string) error { i.ID = ID(v); return nil }},
	{Name: "uri", ReadOnly: true, InDetail: true,
		get: func(i *Image) string { return i.URI },
		set: func(i *Image, v string) error { i.URI = v; return nil }},
	{Name: "name", Required: true, InBrief: true, InDetail: true,
		get: func(i *Image) string { return i.Name },
		set: func(i *Image, v string) error { i.Name = v; return nil }},
	{Name: "architecture", Required: true, Values: Architectures, InBrief: true, InDetail: true,
		get: func(i *Image) string { return i.Architecture },
		set: func(i *Image, v string) error { i.Architecture = v; return nil }},
	{Name: "access", Values: Accesses, InDetail: true,
		get: func(i *Image) string { return i.Access },
		set: func(i *Image, v string) error { i.Access = v; return nil }},
	{Name: "type", Values: Types, InBrief: true, InDetail: true,
		get: func(i *Image) string { return i.Type },
		set: func(i *Image, v string) error { i.Type = v; return nil }},
	{Name: "format", Values: Formats, InBrief: true, InDetail: true,
		get: func(i *Image) string { return i.Format },
		set: func(i *Image, v string) error { i.Format = v; return nil }},
	{Name: "store", Values: Stores, InBrief: true, InDetail: true,
		get: func(i *Image) string { return i.Store },
		set: func(i *Image, v string) error { i.Store = v; return nil }},
	{Name: "location", InDetail: true,
		get: func(i *Image) string { return i.Location },
		set: func(i *Image, v string) error { i.Location = v; return nil }},
	{Name: "kernel", InDetail: true,
		get: func(i *Image) string { return string(i.Kernel) },
		set: func(i *Image, v string) error { i.Kernel = ID(v); return nil }},
	{Name: "ramdisk", InDetail: true,
		get: func(i *Image) string { return string(i.Ramdisk) },
		set: func(i *Image, v string) error { i.Ramdisk = ID(v); return nil }},
	{Name: "owner", Derived: true, InDetail: true,
		get: func(i *Image) string { return i.Owner },
		set: func(i *Image, v string) error { i.Owner = v; return nil }},
	{Name: "status", Derived: true, InDetail: true,
		get: func(i *Image) string { return string(i.Status) },
		set: func(i *Image, v string) error { i.Status = Status(v); return nil }},
	{Name: "size", Kind: Number, Derived: true, InBrief: true, InDetail: true,
		get: func(i *Image) string { return formatNumber(i.Size) },
		set: func(i *Image, v string) error { return parseNumber("size", v, &i.Size) }},
	{Name: "created_at", Kind: Time, ReadOnly: true, InDetail: true,
		get: func(i *Image) string { return formatTime(i.CreatedAt) },
		set: func(i *Image, v string) error { return parseTime("created_at", v, &i.CreatedAt) }},
	{Name: "uploaded_at", Kind: Time, Derived: true, InDetail: true,
		get: func(i *Image) string { return formatTime(i.UploadedAt) },
		set: func(i *Image, v string) error { return parseTime("uploaded_at", v, &i.UploadedAt) }},
	{Name: "updated_at", Kind: Time, ReadOnly: true, InDetail: true,
		get: func(i *Image) string { return formatTime(i.UpdatedAt) },
		set: func(i *Image, v string) error { return parseTime("updated_at", v, &i.UpdatedAt) }},
	{Name: "accessed_at", Kind: Time, ReadOnly: true,
		get: func(i *Image) string { return formatTime(i.AccessedAt) },
		set: func(i *Image, v string) error { return parseTime("accessed_at", v, &i.AccessedAt) }},
	{Name: "access_count", Kind: Number, ReadOnly: true,
		get: func(i *Image) string { return formatNumber(i.AccessCount) },
		set: func(i *Image, v string) error { return parseNumber("access_count", v, &i.AccessCount) }},
	{Name: "checksum", Derived: true, InDetail: true,
		get: func(i *Image) string { return i.Checksum },
		set: func(i *Image, v string) error { i.Checksum = v; return nil }},
}

var byName = func() map[string]*Attribute {
	m := make(map[string]*Attribute, len(Attributes))
	for i := range Attributes {
		m[Attributes[i].Name] = &Attributes[i]
	}
	return m
}()

// Lookup returns the description of a known attribute; ok is false for a custom one.
func Lookup(name string) (a Attribute, ok bool) {
	if p, found := byName[name]; found {
		return *p, true
	}
	return Attribute{}, false
}

// ServerOwned reports whether only the server gives the attribute its value.
func (a Attribute) ServerOwned() bool { return a.ReadOnly || a.Derived }

// TimeLayout is how VIS writes a time: whole seconds, numeric offset.
const TimeLayout = "2006-01-02 15:04:05 -0700"

// timeLayouts are the forms seen from servers: MySQL backends write an offset,
// Mongo backends the word UTC.
var timeLayouts = []string{TimeLayout, "2006-01-02 15:04:05 MST", time.RFC3339Nano}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(TimeLayout)
}

func parseTime(name, text string, to *time.Time) error {
	if text == "" {
		*to = time.Time{}
		return nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			*to = t
			return nil
		}
	}
	return &InvalidError{fmt.Sprintf("%s: %q is not a time like %s", name, text, TimeLayout)}
}

func formatNumber(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func parseNumber(name, text string, to *int64) error {
	text = strings.TrimSpace(text)
	if text == "" {
		*to = 0
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return &InvalidError{fmt.Sprintf("%s: %q is not a whole number of 0 or more", name, text)}
	}
	*to = n
	return nil
}
