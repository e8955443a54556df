package original

import (
	"maps"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// post registers an image.
func (m *metaService) post(attributes hash) (hash, error) {
	if _, err := m.called(""); err != nil {
		return nil, err
	}
	if err := m.checkNew(attributes); err != nil {
		return nil, err
	}
	r, err := m.newRow(attributes)
	if err != nil {
		return nil, err
	}
	if err := m.change(func(rows map[string]row) { rows[r["_id"]] = r }); err != nil {
		return nil, err
	}
	return m.find(r["_id"], false)
}

// newRow is the row that an INSERT of the attributes makes.
func (m *metaService) newRow(attributes hash) (row, error) {
	id := m.newID()
	h := attributes.with("_id", id)
	if access, _ := h.get("access"); access == nil {
		h = h.with("access", meta.Public)
	}
	h = h.with("created_at", m.now().Format(rubyTime))
	h = h.with("uri", m.url+"/images/"+id)
	h = h.with("status", string(meta.Locked))

	var names, literals []string
	for _, p := range packOthers(h) {
		names, literals = append(names, p.key), append(literals, literal(p.value))
	}
	statement := parseSQL("INSERT INTO images ("+strings.Join(names, ", ")+") VALUES (", strings.Join(literals, ", ")+")")
	values, err := statement.values()
	if err != nil {
		return nil, err
	}
	if len(values) != len(names) {
		return nil, fail(internal, "Column count doesn't match value count at row 1")
	}
	r := row{"access_count": "0"}
	for i, v := range values {
		r.set(names[i], v)
	}
	return r, nil
}

// put changes an image.
func (m *metaService) put(id string, attributes hash) (hash, error) {
	id, err := m.called(id)
	if err != nil {
		return nil, err
	}
	if err := m.checkUpdate(attributes); err != nil {
		return nil, err
	}
	if _, err := m.withID(id); err != nil {
		return nil, err
	}
	h := packOthers(attributes.with("updated_at", m.now().Format(rubyTime)))
	var terms []string
	for _, p := range h {
		terms = append(terms, p.key+"="+literal(p.value))
	}
	parser := parseSQL("UPDATE images SET ", strings.Join(terms, ", ")+" WHERE _id="+literal(id))
	list, err := parser.assignments()
	if err != nil {
		return nil, err
	}
	if err := m.update(id, parser, list); err != nil {
		return nil, err
	}
	return m.find(id, false)
}

// update does what an UPDATE says, whose WHERE is still to be read.
func (m *metaService) update(id string, p *sqlParser, list []assignment) error {
	matches, err := p.where()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return err
	}
	for _, a := range list {
		if _, ok := columnKind(strings.ToLower(a.column)); !ok {
			return unknownColumn(a.column, "SET")
		}
	}
	return m.change(func(rows map[string]row) {
		for _, r := range slices.Collect(maps.Values(rows)) {
			if !matches(r) {
				continue
			}
			changed := maps.Clone(r)
			for _, a := range list {
				changed.set(strings.ToLower(a.column), a.value)
			}
			delete(rows, r["_id"]) // which an injection can change
			rows[changed["_id"]] = changed
		}
	})
}

// delete removes an image and returns its row as it was.
func (m *metaService) delete(id string) (hash, error) {
	id, err := m.called(id)
	if err != nil {
		return nil, err
	}
	gone, err := m.withID(id)
	if err != nil {
		return nil, err
	}
	err = m.change(func(rows map[string]row) {
		for _, r := range gone {
			delete(rows, r["_id"])
		}
	})
	return gone[0].full(m.zone()), err
}
