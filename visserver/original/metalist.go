package original

import (
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// list returns the images that the filters select; filters has sort and dir too.
func (m *metaService) list(view meta.View, filters hash) ([]hash, error) {
	if _, err := m.called(""); err != nil {
		return nil, err
	}
	statement, err := selectStatement(filters)
	if err != nil {
		return nil, err
	}
	rows, err := m.query(statement)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fail(notFound, "No public images found with given parameters.")
	}
	images := make([]hash, len(rows))
	for i, r := range rows {
		if view == meta.Brief {
			images[i] = r.columns(meta.Brief, m.zone())
		} else if images[i], err = r.detail(m.zone()); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// selectStatement is the condition and the order of a list, in the original's
// layout: it shows in error messages.
func selectStatement(filters hash) (string, error) {
	var unknown, terms []string
	sort, dir := "_id", "asc"
	for _, f := range filters {
		_, isColumn := meta.Lookup(f.key)
		switch {
		case f.key == "sort":
			sort = toText(f.value)
		case f.key == "dir":
			dir = toText(f.value)
		case !isColumn:
			unknown = append(unknown, f.key)
		default:
			terms = append(terms, f.key+"="+literal(f.value))
		}
	}
	if len(unknown) > 0 {
		return "", fail(internal, "Unknown fields: "+strings.Join(unknown, ", "))
	}
	return strings.Join(terms, " AND ") + "\n" + strings.Repeat(" ", 32) + "ORDER BY " + sort + " " + dir, nil
}

// query returns the rows of a SELECT, given what follows its WHERE.
func (m *metaService) query(statement string) ([]row, error) {
	p := parseSQL("SELECT * FROM images WHERE ", statement)
	matches, err := p.where()
	if err != nil {
		return nil, err
	}
	by, err := p.orderBy()
	if err != nil {
		return nil, err
	}
	m.mu.RLock()
	var rows []row
	for _, r := range m.rows {
		if matches(r) {
			rows = append(rows, r)
		}
	}
	m.mu.RUnlock()
	sortRows(rows, []order{{column: "_id"}})
	sortRows(rows, by)
	return rows, nil
}
