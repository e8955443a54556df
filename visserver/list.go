package visserver

import (
	"bufio"
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

func (s *Server) listBrief(w http.ResponseWriter, c call) error  { return s.list(w, c, meta.Brief) }
func (s *Server) listDetail(w http.ResponseWriter, c call) error { return s.list(w, c, meta.Detail) }

func (s *Server) list(w http.ResponseWriter, c call, view meta.View) error {
	q, err := parseQuery(c.URL.RawQuery)
	if err != nil {
		return err
	}
	e := setEncoding(w, c.Request)
	tag := s.stateTag(c, q, e, s.records.state()) // of a state that the list has, or one before
	if isKnown(c.Request, tag) {
		w.Header().Set("ETag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	images := slices.DeleteFunc(s.records.all(), func(img *meta.Image) bool {
		return !visible(img, c.user) || !q.matches(img)
	})
	if len(images) == 0 {
		return refuse(http.StatusNotFound, "No public images found with given parameters.")
	}
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	writeImages(w, e, q.sorted(images), view)
	return nil
}

// writeImages streams a list: it may be long.
func writeImages(w http.ResponseWriter, e *encoding, images []*meta.Image, view meta.View) {
	// A bufio.Writer keeps its first error: the client has gone, and the rest is for nobody.
	out := bufio.NewWriterSize(w, 64<<10)
	buf := []byte(e.images.open)
	for _, img := range images {
		buf = append(buf, e.item.open...)
		buf = append(e.appendImage(buf, img, view), e.item.close...)
		if _, err := out.Write(buf); err != nil {
			return
		}
		buf = append(buf[:0], e.between...)
	}
	_, _ = out.WriteString(e.images.close)
	_ = out.Flush()
}

// query selects and orders the images of a list.
type query struct {
	filters    map[string]string // attribute to the value it must have
	sort       meta.Attribute
	descending bool
}

// parseQuery reads the query of a URL. Of a repeated parameter the last counts.
func parseQuery(raw string) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, refuse(http.StatusBadRequest, "Invalid query '%s'", raw)
	}
	q := query{filters: make(map[string]string)}
	for name, given := range values {
		q.filters[name] = given[len(given)-1]
	}
	sort, dir := cmp.Or(q.filters["sort"], "_id"), cmp.Or(q.filters["dir"], "asc")
	delete(q.filters, "sort")
	delete(q.filters, "dir")

	var known bool
	if q.sort, known = meta.Lookup(sort); !known {
		return query{}, refuse(http.StatusBadRequest, "Invalid sort '%s': no such attribute", sort)
	}
	if !strings.EqualFold(dir, "asc") && !strings.EqualFold(dir, "desc") {
		return query{}, refuse(http.StatusBadRequest, "Invalid dir '%s', available options: asc, desc", dir)
	}
	q.descending = strings.EqualFold(dir, "desc")
	return q, nil
}

// matches reports whether an image has all the values asked for. Case does not
// count, as in the original's database.
func (q query) matches(img *meta.Image) bool {
	for name, want := range q.filters {
		if got, ok := img.Get(name); !ok || !strings.EqualFold(got, want) {
			return false
		}
	}
	return true
}

// sorted returns the images in the order asked for, ties by _id. Images that lack
// the attribute come before all others.
func (q query) sorted(images []*meta.Image) []*meta.Image {
	type row struct {
		key   string
		image *meta.Image
	}
	rows := make([]row, len(images))
	for i, img := range images {
		rows[i] = row{q.key(img), img}
	}
	slices.SortFunc(rows, func(a, b row) int {
		order := q.compare(a.key, b.key)
		if q.descending {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.image.ID, b.image.ID))
	})
	for i := range rows {
		images[i] = rows[i].image
	}
	return images
}

// key returns what an image is sorted by: text without case, like the filters.
func (q query) key(img *meta.Image) string {
	text, _ := img.Get(q.sort.Name)
	return strings.ToLower(text)
}

func (q query) compare(a, b string) int {
	if q.sort.Kind == meta.Number {
		// Decimal numbers without sign or leading zeros: the longer is the larger.
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	}
	return strings.Compare(a, b) // times are UTC, see now
}
