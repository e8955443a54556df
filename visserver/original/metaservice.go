package original

import (
	"cmp"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// metaService is VMS: the records, and what it did to them. Every call of VIS went
// over HTTP, and other requests were served meanwhile; so calls of two requests for
// one image interleave here too.
type metaService struct {
	url       string
	file      string // see recordfile.go
	now       func() time.Time
	newID     func() string
	roundTrip time.Duration
	down      atomic.Bool

	changing sync.Mutex // orders changes and the writing of the file; taken before mu

	mu   sync.RWMutex
	rows map[string]row // by _id
}

func openMetaService(file string, o Options, now func() time.Time) (*metaService, error) {
	m := &metaService{
		url:       strings.TrimSuffix(cmp.Or(o.URL, "http://127.0.0.1:4568"), "/"),
		file:      file,
		now:       now,
		newID:     o.newID,
		roundTrip: cmp.Or(o.roundTrip, time.Millisecond),
	}
	if m.newID == nil {
		m.newID = randomID
	}
	var err error
	m.rows, err = loadRows(file)
	return m, err
}

// called is the way of a call over HTTP. The id was pasted into its path.
func (m *metaService) called(id string) (sameID string, err error) {
	time.Sleep(m.roundTrip)
	if m.down.Load() {
		return "", fail(internal, "VISOR Meta System server not found. Is it running?")
	}
	if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", fail(unexpected, "859: unexpected token at 'Bad Request'") // which is no JSON
	}
	if cut := strings.IndexAny(id, "?#"); cut >= 0 {
		id = id[:cut]
	}
	if decoded, err := url.PathUnescape(id); err == nil {
		id = decoded
	}
	return id, nil
}

// get returns an image, and counts the access.
func (m *metaService) get(id string) (hash, error) {
	id, err := m.called(id)
	if err != nil {
		return nil, err
	}
	return m.find(id, true)
}

// find is get within VMS; it counts the access before it finds that the image
// cannot be shown.
func (m *metaService) find(id string, count bool) (hash, error) {
	rows, err := m.withID(id)
	if err != nil {
		return nil, err
	}
	if count {
		m.count(rows[0]["_id"])
	}
	return rows[0].detail(m.zone())
}

// withID returns the rows with an id: one, unless the id is a condition itself.
func (m *metaService) withID(id string) ([]row, error) {
	p := parseSQL("SELECT * FROM images WHERE ", "_id="+literal(id))
	matches, err := p.where()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if r, ok := m.rows[id]; ok && matches(r) {
		return []row{r}, nil
	}
	var rows []row
	for _, r := range m.rows {
		if matches(r) {
			rows = append(rows, r)
		}
	}
	sortRows(rows, []order{{column: "_id"}})
	if len(rows) == 0 {
		return nil, fail(notFound, "No image found with id '"+id+"'.")
	}
	return rows, nil
}

// count counts an access. It reaches the file with the next change.
func (m *metaService) count(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.rows[id]; ok {
		m.rows[id] = r.counted(m.now())
	}
}

// zone is where the times of the columns are meant.
func (m *metaService) zone() *time.Location { return m.now().Location() }
