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

	unique bool // few images have a value in common

	// Where an image has it: by its kind one of these, for text both of the first.
	getText func(*Image) string
	setText func(*Image, string)
	number  func(*Image) *int64
	time    func(*Image) *time.Time
}

// Attributes is the one table of what VIS knows of an image, in the order of its
// replies.
var Attributes = []Attribute{
	{Name: "_id", ReadOnly: true, InBrief: true, InDetail: true, unique: true,
		getText: func(i *Image) string { return string(i.ID) },
		setText: func(i *Image, v string) { i.ID = ID(v) }},
	{Name: "uri", ReadOnly: true, InDetail: true, unique: true,
		getText: func(i *Image) string { return i.URI },
		setText: func(i *Image, v string) { i.URI = v }},
	{Name: "name", Required: true, InBrief: true, InDetail: true, unique: true,
		getText: func(i *Image) string { return i.Name },
		setText: func(i *Image, v string) { i.Name = v }},
	{Name: "architecture", Required: true, Values: Architectures, InBrief: true, InDetail: true,
		getText: func(i *Image) string { return i.Architecture },
		setText: func(i *Image, v string) { i.Architecture = v }},
	{Name: "access", Values: Accesses, InDetail: true,
		getText: func(i *Image) string { return i.Access },
		setText: func(i *Image, v string) { i.Access = v }},
	{Name: "type", Values: Types, InBrief: true, InDetail: true,
		getText: func(i *Image) string { return i.Type },
		setText: func(i *Image, v string) { i.Type = v }},
	{Name: "format", Values: Formats, InBrief: true, InDetail: true,
		getText: func(i *Image) string { return i.Format },
		setText: func(i *Image, v string) { i.Format = v }},
	{Name: "store", Values: Stores, InBrief: true, InDetail: true,
		getText: func(i *Image) string { return i.Store },
		setText: func(i *Image, v string) { i.Store = v }},
	{Name: "location", InDetail: true, unique: true,
		getText: func(i *Image) string { return i.Location },
		setText: func(i *Image, v string) { i.Location = v }},
	{Name: "kernel", InDetail: true,
		getText: func(i *Image) string { return string(i.Kernel) },
		setText: func(i *Image, v string) { i.Kernel = ID(v) }},
	{Name: "ramdisk", InDetail: true,
		getText: func(i *Image) string { return string(i.Ramdisk) },
		setText: func(i *Image, v string) { i.Ramdisk = ID(v) }},
	{Name: "owner", Derived: true, InDetail: true,
		getText: func(i *Image) string { return i.Owner },
		setText: func(i *Image, v string) { i.Owner = v }},
	{Name: "status", Derived: true, InDetail: true,
		getText: func(i *Image) string { return string(i.Status) },
		setText: func(i *Image, v string) { i.Status = Status(v) }},
	{Name: "size", Kind: Number, Derived: true, InBrief: true, InDetail: true,
		number: func(i *Image) *int64 { return &i.Size }},
	{Name: "created_at", Kind: Time, ReadOnly: true, InDetail: true,
		time: func(i *Image) *time.Time { return &i.CreatedAt }},
	{Name: "uploaded_at", Kind: Time, Derived: true, InDetail: true,
		time: func(i *Image) *time.Time { return &i.UploadedAt }},
	{Name: "updated_at", Kind: Time, ReadOnly: true, InDetail: true,
		time: func(i *Image) *time.Time { return &i.UpdatedAt }},
	{Name: "accessed_at", Kind: Time, ReadOnly: true,
		time: func(i *Image) *time.Time { return &i.AccessedAt }},
	{Name: "access_count", Kind: Number, ReadOnly: true,
		number: func(i *Image) *int64 { return &i.AccessCount }},
	{Name: "checksum", Derived: true, InDetail: true, unique: true,
		getText: func(i *Image) string { return i.Checksum },
		setText: func(i *Image, v string) { i.Checksum = v }},
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

// get returns the text form of an image's attribute, "" if it has none.
func (a *Attribute) get(img *Image) string {
	switch a.Kind {
	case Number:
		return formatNumber(*a.number(img))
	case Time:
		return formatTime(*a.time(img))
	}
	return a.getText(img)
}

// set gives an image's attribute a value from its text form. The error is an *[InvalidError].
func (a *Attribute) set(img *Image, text string) error {
	switch a.Kind {
	case Number:
		return parseNumber(a.Name, text, a.number(img))
	case Time:
		return parseTime(a.Name, text, a.time(img))
	}
	a.setText(img, text)
	return nil
}

// ServerOwned reports whether only the server gives the attribute its value.
func (a Attribute) ServerOwned() bool { return a.ReadOnly || a.Derived }

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
