package meta

import (
	"net/http"
	"strings"
)

// HeaderPrefix starts the name of every header that carries an attribute. Its
// case does not count.
const HeaderPrefix = "x-image-meta-"

// HeaderName returns the name of the header that carries an attribute.
func HeaderName(attribute string) string { return HeaderPrefix + attribute }

// SetHeader adds the fields to a request's headers.
func (f Fields) SetHeader(h http.Header) {
	for name, value := range f {
		h.Set(HeaderName(name), value)
	}
}

// FieldsFromHeader returns the attributes that headers carry. Of a repeated
// header the first value counts.
func FieldsFromHeader(h http.Header) Fields {
	f := make(Fields)
	for key, values := range h {
		if name, ok := strings.CutPrefix(strings.ToLower(key), HeaderPrefix); ok && len(values) > 0 {
			f[name] = values[0]
		}
	}
	return f
}

// SetHeader writes every attribute of the detailed set that has a value, as the
// replies to HEAD and GET of an image do.
func (img *Image) SetHeader(h http.Header) {
	for _, a := range Attributes {
		if v := a.get(img); a.InDetail && v != "" {
			h.Set(HeaderName(a.Name), v)
		}
	}
	for _, name := range img.customNames() {
		h.Set(HeaderName(name), img.Other[name])
	}
}

// ImageFromHeader returns the image that the headers of a reply describe. An
// attribute whose value does not fit its kind is an *[InvalidError], and so is a
// reply without _id: it is no image.
func ImageFromHeader(h http.Header) (*Image, error) {
	img := new(Image)
	if err := img.Apply(FieldsFromHeader(h)); err != nil {
		return nil, err
	}
	if img.ID == "" {
		return nil, &InvalidError{"the reply has no " + HeaderName("_id") + " header: it describes no image"}
	}
	return img, nil
}
