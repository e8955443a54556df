package visserver

import (
	"maps"
	"net/http"

	"github.com/visorfs/visorfs/meta"
)

// fieldsOf returns the attributes that a request wants to set, checked by the
// rules of VIS and of this server. Those that describe the data or their owner
// are dropped, not refused: clients of the original send some of them.
func (s *Server) fieldsOf(c call, validate func(meta.Fields) error) (meta.Fields, error) {
	fields := meta.FieldsFromHeader(c.Header)
	if err := validate(fields); err != nil {
		return nil, err
	}
	if err := checkLocation(c.Request, fields); err != nil {
		return nil, err
	}
	for _, role := range []string{"kernel", "ramdisk"} {
		if err := s.checkAssociation(c.user, role, fields); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(fields, func(name, _ string) bool {
		a, _ := meta.Lookup(name)
		return a.ServerOwned()
	})
	return fields, nil
}

func checkLocation(r *http.Request, fields meta.Fields) error {
	if _, ok := fields["location"]; !ok {
		return nil
	}
	if r.ContentLength != 0 {
		return refuse(http.StatusBadRequest, "When the location header is present no file content can be provided")
	}
	return nil
}

// checkAssociation checks that the image named as kernel or ramdisk is one.
func (s *Server) checkAssociation(user, role string, fields meta.Fields) error {
	id, ok := fields[role]
	if !ok {
		return nil
	}
	img, err := s.find(meta.ID(id), user)
	if err != nil {
		return err
	}
	if img.Type != role {
		return refuse(http.StatusBadRequest, "The image with id %s is not a %s image.", id, role)
	}
	return nil
}

// checkStore refuses a store that data cannot be in.
func checkStore(store string) error {
	if store == "" || store == fileStore {
		return nil
	}
	return refuse(http.StatusBadRequest, "The store '%s' is not supported", store)
}
