package meta

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ID is the identifier that the server gave an image: a UUID, never a file name.
type ID string

// Status is the state of an image's data.
type Status string

// The states of VIS. The server alone moves an image between them.
const (
	Locked    Status = "locked"    // registered, holds no data
	Uploading Status = "uploading" // data are arriving
	Available Status = "available" // data are stored, and final
	Failed    Status = "error"     // an upload failed, data may be sent again
)

// TakesData reports whether an image in this state accepts an upload.
func (s Status) TakesData() bool { return s == Locked || s == Failed }

// The values of the attribute access.
const (
	Public  = "public"
	Private = "private"
)

// Image is one record of the repository. A zero field is an absent attribute.
type Image struct {
	ID           ID
	URI          string // where the server says the image is; built from its bind address, so often of no use
	Name         string // what users call it; may hold any characters, '/' included, and need not be unique
	Architecture string // see [Architectures]
	Access       string // [Public] or [Private]
	Type         string // see [Types]
	Format       string // see [Formats]
	Store        string // see [Stores]
	Location     string // URL of the data in the store
	Kernel       ID     // associated kernel image
	Ramdisk      ID     // associated ramdisk image
	Owner        string // access key of the user who registered the image
	Status       Status
	Size         int64 // bytes; 0 while the image holds no data (VIS cannot store an empty file)
	CreatedAt    time.Time
	UploadedAt   time.Time
	UpdatedAt    time.Time
	AccessedAt   time.Time
	AccessCount  int64
	Checksum     string // MD5 of the data, hex; for http locations the remote ETag

	Other map[string]string // custom attributes
}

// Clone returns a copy that shares nothing with img.
func (img *Image) Clone() *Image {
	c := *img
	c.Other = maps.Clone(img.Other)
	return &c
}

// Get returns the text form of an attribute, known or custom, and whether it
// has a value. An empty custom value counts as absent: VIS cannot delete a key.
func (img *Image) Get(name string) (string, bool) {
	if a, ok := byName[name]; ok {
		v := a.get(img)
		return v, v != ""
	}
	v := img.Other[name]
	return v, v != ""
}

// Set gives an attribute, known or custom, a value from its text form. The empty
// text clears it. The error is an *[InvalidError].
func (img *Image) Set(name, value string) error {
	if a, ok := byName[name]; ok {
		return a.set(img, value)
	}
	if img.Other == nil {
		img.Other = make(map[string]string)
	}
	img.Other[name] = value
	return nil
}

// Apply sets every field. It stops at the first that does not fit.
func (img *Image) Apply(f Fields) error {
	for name, value := range f {
		if err := img.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// Names lists the attributes that have a value: the known ones in the order of
// [Attributes], then the custom ones in alphabetical order.
func (img *Image) Names() []string {
	var names []string
	for _, a := range Attributes {
		if a.get(img) != "" {
			names = append(names, a.Name)
		}
	}
	return append(names, img.customNames()...)
}

func (img *Image) customNames() []string {
	if len(img.Other) == 0 {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(img.Other)) {
		if img.Other[name] != "" {
			names = append(names, name)
		}
	}
	return names
}

// Version names the bytes of the image: two images of one version hold the same
// data. Where the server gives an MD5 that is the identity; elsewhere it is
// whatever the server would change with the data.
func (img *Image) Version() string {
	size := strconv.FormatInt(img.Size, 10)
	if IsMD5(img.Checksum) {
		return "md5-" + strings.ToLower(img.Checksum) + "-" + size
	}
	return strings.Join([]string{
		string(img.ID), img.Checksum, size, formatTime(img.UploadedAt),
	}, "|")
}

// IsMD5 reports whether a checksum is an MD5 in hex, as VIS gives for whatever
// was uploaded to it, and not a remote server's ETag.
func IsMD5(checksum string) bool {
	if len(checksum) != 32 {
		return false
	}
	return strings.Trim(checksum, "0123456789abcdefABCDEF") == ""
}
