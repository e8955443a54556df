package original

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRecordings replays the exchanges that were recorded with the original, over
// raw connections. Replies must be the same byte for byte, Date and order of fields
// included, and so must be whether the connection stays open. What differs by need:
//
//   - the directory of the store and the address of a web server, which are replaced
//     by others of the same length. Requests that name them are signed anew;
//   - bodies whose recording was cut are filled up with zeros, so they have another MD5;
//   - memory addresses in messages of Ruby, and how a proxied file is cut into chunks.
//
// A recording that is not part of a scene runs in a server that holds at most the
// image which its reply shows.
func TestRecordings(t *testing.T) {
	all, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	played := make(map[string]bool)
	for _, sc := range allScenes(all) {
		names := strings.Fields(sc.play)
		for _, name := range names {
			if played[name] || excused[name] != "" {
				t.Errorf("%s is played twice, or excused too", name)
			}
			played[name] = true
		}
		t.Run(names[0], func(t *testing.T) {
			t.Parallel()
			sc.run(t)
		})
	}
	for name := range all {
		if !played[name] && excused[name] == "" {
			t.Errorf("%s is neither played nor excused", name)
		}
	}
	t.Logf("%d of %d recordings played (%.1f %%), %d excused",
		len(played), len(all), 100*float64(len(played))/float64(len(all)), len(excused))
	if len(played)*100 < len(all)*95 {
		t.Error("that is less than 95 %")
	}
}

// allScenes adds a scene for each recording that is in none.
func allScenes(all map[string]recording) []scene {
	list := slices.Clone(scenes)
	var inScenes []string
	for _, sc := range scenes {
		inScenes = append(inScenes, strings.Fields(sc.play)...)
	}
	for name := range all {
		if !slices.Contains(inScenes, name) && excused[name] == "" {
			list = append(list, scene{play: name})
		}
	}
	return list
}

func (sc scene) run(t *testing.T) {
	if strings.HasPrefix(sc.play, "get-2040-mib") && testing.Short() {
		t.Skip("streams 2 GiB")
	}
	st := newStage(t)
	if sc.set != nil {
		sc.set(st)
	}
	for name := range strings.FieldsSeq(sc.play) {
		for _, act := range sc.before[name] {
			act(st)
		}
		st.play(record(t, name))
	}
}

// play replays one recording.
func (st *stage) play(r recording) {
	id := ids[r.name]
	if id == "" {
		id = uuidForm.FindString(string(r.response))
	}
	st.set(r.time(st.t), id)
	st.server.SetMetaDown(strings.HasPrefix(r.name, "down-meta"))
	st.server.SetAuthDown(strings.HasPrefix(r.name, "down-auth"))
	st.seedOwn(r)

	c, err := net.Dial("tcp", st.addr)
	if err != nil {
		st.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	request := st.request(r)
	go func() { _, _ = c.Write(request) }() // the server may close before it has read all
	in := bufio.NewReader(c)
	st.compare(r, in)
	st.checkOpen(r, c, in)
}

// seedOwn makes the image that the reply shows, if it is one by id and not there.
func (st *stage) seedOwn(r recording) {
	id := r.imageID()
	if id == "" || st.has(id) || !bytes.HasPrefix(r.response, []byte("HTTP/1.1 200")) {
		return
	}
	for _, img := range r.images(st.t) {
		st.seed(img)
		name, inStore := strings.CutPrefix(img["location"], "file://"+st.server.store.dir+"/")
		if inStore && st.storedSize(name) < 0 {
			st.file(name, streamedFile(st.t, r.name, 10000))
		}
	}
}

// streamedFile is the file that a reply streams, as far as it was recorded, and
// zeros. Other replies make a file of zeros.
func streamedFile(t *testing.T, name string, size int) []byte {
	head, body := split(record(t, name).response)
	if headerValue(head, "Transfer-Encoding") == "" {
		return make([]byte, size)
	}
	return padded(afterFirstLine(body), size)
}

// upload stores data by way of the copier.
func (st *stage) upload(id string, data []byte) {
	u, _, err := spool(bytes.NewReader(data), st.server.tmpDir)
	if err == nil {
		_, err = st.server.store.save(id, "none", u)
	}
	if err != nil {
		st.t.Fatal(err)
	}
}

// request is the request as it is sent here.
func (st *stage) request(r recording) []byte {
	request := st.local(r.request)
	if string(request) != string(r.request) {
		request = resign(st.t, request)
	}
	size := r.cut("request")
	if size == 0 {
		return request
	}
	head, body := split(request)
	payload, chunk := body, 0
	if n := chunkedBodies[r.name]; n > 0 {
		if _, err := fmt.Sscanf(string(body), "%x\r\n", &chunk); err != nil {
			st.t.Fatal(err)
		}
		payload, size = afterFirstLine(body), n
	}
	payload = padded(payload, size)
	st.swapChecksum(r, payload)
	if chunk == 0 {
		return append(bytes.Clone(head), payload...)
	}
	out := bytes.NewBuffer(bytes.Clone(head))
	for piece := range slices.Chunk(payload, chunk) {
		fmt.Fprintf(out, "%x\r\n%s\r\n", len(piece), piece)
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes()
}

// swapChecksum remembers the MD5 of a body that is not quite the recorded one. An
// image that was seeded with the same data has it too.
func (st *stage) swapChecksum(r recording, body []byte) {
	m := regexp.MustCompile(`"checksum":"([0-9a-f]{32})"`).FindSubmatch(r.response)
	if m == nil {
		return
	}
	sum := md5.Sum(body)
	recorded, sent := string(m[1]), hex.EncodeToString(sum[:])
	st.swaps = append(st.swaps, recorded, sent)
	err := st.server.vms.change(func(rows map[string]row) {
		for id, r := range rows {
			if r["checksum"] == recorded {
				rows[id] = maps.Clone(r)
				rows[id]["checksum"] = sent
			}
		}
	})
	if err != nil {
		st.t.Fatal(err)
	}
}
