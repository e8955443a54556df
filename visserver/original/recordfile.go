package original

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
)

// loadRows reads the file of records; none is an empty table.
func loadRows(file string) (map[string]row, error) {
	rows := make(map[string]row)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return rows, nil
	}
	if err != nil {
		return nil, err
	}
	return rows, json.Unmarshal(data, &rows)
}

// change edits the table, and shows the edit when the file has it. Readers never
// wait for the disk; accesses that they count meanwhile are kept.
func (m *metaService) change(edit func(rows map[string]row)) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.RLock()
	next := maps.Clone(m.rows)
	m.mu.RUnlock()
	edit(next)
	if err := writeRows(m.file, next); err != nil {
		return fail(internal, err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range next {
		if now, ok := m.rows[id]; ok && now["access_count"] != r["access_count"] {
			r = maps.Clone(r)
			r["access_count"], r["accessed_at"] = now["access_count"], now["accessed_at"]
			next[id] = r
		}
	}
	m.rows = next
	return nil
}

// save writes the table as it is.
func (m *metaService) save() error { return m.change(func(map[string]row) {}) }

// writeRows replaces the file as a whole.
func writeRows(file string, rows map[string]row) error {
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
