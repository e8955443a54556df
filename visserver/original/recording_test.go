package original

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// recording is one exchange with the original server, byte for byte.
type recording struct {
	name        string
	description string
	request     []byte
	response    []byte // empty: the connection was closed without a reply
}

// recordings are all exchanges, by name. An excused one has no bytes here.
var recordings = sync.OnceValues(func() (map[string]recording, error) {
	all, err := readIndex("testdata/recordings/index.tsv")
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader("testdata/recordings/exchanges.zip")
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	for _, f := range archive.File {
		data, err := readZipped(f)
		if err != nil {
			return nil, err
		}
		name, kind, _ := strings.Cut(path.Base(f.Name), ".")
		r := all[name]
		if kind == "request" {
			r.request = data
		} else {
			r.response = data
		}
		all[name] = r
	}
	return all, nil
})

func readIndex(file string) (map[string]recording, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.LazyQuotes = '\t', true
	lines, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	all := make(map[string]recording)
	for _, l := range lines[1:] {
		all[l[0]] = recording{name: l[0], description: l[1]}
	}
	return all, nil
}

func readZipped(f *zip.File) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

func record(t *testing.T, name string) recording {
	t.Helper()
	all, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	r, ok := all[name]
	if !ok || r.request == nil {
		t.Fatalf("no recording %q", name)
	}
	return r
}

// imageID is the id in the request's path, if it is a UUID.
func (r recording) imageID() string {
	target := strings.Fields(string(r.request))[1]
	return uuidForm.FindString(target)
}

var uuidForm = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// split parts a message into head, with the empty line, and body.
func split(message []byte) (head, body []byte) {
	i := bytes.Index(message, []byte("\r\n\r\n"))
	if i < 0 {
		return message, nil
	}
	return message[:i+4], message[i+4:]
}

func headerValue(head []byte, name string) string {
	m := regexp.MustCompile(`(?mi)^` + name + `: *(.*?)\r$`).FindSubmatch(head)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// time is when the server replied.
func (r recording) time(t *testing.T) time.Time {
	head, _ := split(r.response)
	date := headerValue(head, "Date")
	if date == "" {
		return time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
	}
	at, err := http.ParseTime(date)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

var truncation = regexp.MustCompile(`\[(request|response) body truncated from (\d+) bytes\]`)

// cut returns how many bytes a body had that the recording holds the start of; 0
// if it is whole.
func (r recording) cut(which string) int {
	m := truncation.FindStringSubmatch(r.description)
	if m == nil || m[1] != which {
		return 0
	}
	n, _ := strconv.Atoi(m[2])
	return n
}

// images are the images that the reply shows, as rows.
func (r recording) images(t *testing.T) []row {
	t.Helper()
	head, body := split(r.response)
	if shown := imageInHeader(head); shown["_id"] != nil {
		return []row{rowOf(shown)}
	}
	var reply struct {
		Image  map[string]any
		Images []map[string]any
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&reply); err != nil {
		t.Fatalf("%s shows no images: %v", r.name, err)
	}
	var rows []row
	for _, img := range append(reply.Images, reply.Image) {
		if img != nil {
			rows = append(rows, rowOf(img))
		}
	}
	return rows
}

func imageInHeader(head []byte) map[string]any {
	shown := make(map[string]any)
	for _, l := range strings.Split(string(head), "\r\n") {
		if name, value, ok := strings.Cut(l, ": "); ok && strings.HasPrefix(name, meta.HeaderPrefix) {
			shown[strings.TrimPrefix(name, meta.HeaderPrefix)] = value
		}
	}
	return shown
}

// rowOf makes a row of what a reply shows of it.
func rowOf(shown map[string]any) row {
	r := row{"access_count": "0"}
	var custom hash
	for name, value := range shown {
		if value == nil {
			continue
		}
		text := fmt.Sprint(value)
		kind, known := columnKind(name)
		switch {
		case known && kind == meta.Time:
			r[name] = text[:len(naiveLayout)]
		case known:
			r[name] = text
		default:
			custom = append(custom, pair{name, text})
		}
	}
	if custom != nil {
		r[othersColumn] = string(appendJSON(nil, custom))
	}
	return r
}
