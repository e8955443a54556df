package visclient_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/meta"
)

// Whatever goes wrong, an upload is stored once and returned, or fails and is not stored.
func TestRandomFaultsLeaveAnUploadStoredOnceOrNotAtAll(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		const workers, each = 4, 15
		for worker := range uint64(workers) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				s := newFaulty(t, s.sight.URL())
				for seed := worker * each; seed < (worker+1)*each; seed++ {
					trial := &trial{faulty: s, rng: rand.New(rand.NewPCG(seed, 6)), what: fmt.Sprintf("seed %d", seed)}
					trial.run(t)
				}
			})
		}
	})
}

type trial struct {
	*faulty
	rng  *rand.Rand
	what string
}

func (r *trial) run(t *testing.T) {
	data := someData[r.rng.IntN(100):][:1+r.rng.IntN(600_000)]
	name := r.what
	var known []meta.ID
	before := map[meta.ID]bool{}
	switch r.rng.IntN(4) { // there may be an older image like it
	case 0:
		before[post(t, r.client, fields(name), data).ID] = true
	case 1:
		older := post(t, r.sight, fields(name), data)
		known, before[older.ID] = append(known, older.ID), true
	}
	body := io.Reader(strings.NewReader(data))
	if r.rng.IntN(3) == 0 {
		body = stream(data)
	}
	put := r.rng.IntN(3) == 0
	var target *meta.Image
	if put {
		target = post(t, r.sight, fields(name), "")
		before[target.ID] = true
	}
	r.fail(r.faults(len(data))...)
	var img *meta.Image
	var err error
	if put {
		img, err = r.client.PutImage(t.Context(), target.ID, nil, body)
	} else {
		img, err = r.client.PostImage(t.Context(), fields(name), body, known...)
	}
	r.fail()
	r.check(t, name, data, before, target, img, err)
}

func (r *trial) faults(size int) []http.HandlerFunc {
	kinds := []func() http.HandlerFunc{
		func() http.HandlerFunc { return nil },
		func() http.HandlerFunc { return reset },
		func() http.HandlerFunc { return r.cutAt(int64(r.rng.IntN(size + 1))) },
		func() http.HandlerFunc { return afterwards(reset) },
		func() http.HandlerFunc { return r.unanswered(reset) },
		func() http.HandlerFunc { return r.unanswered(cutUnlessHead) },
		func() http.HandlerFunc {
			return r.unanswered(status([]int{500, 502, 504}[r.rng.IntN(3)]))
		},
		func() http.HandlerFunc { return status([]int{429, 500, 502, 503, 504}[r.rng.IntN(5)]) },
	}
	var faults []http.HandlerFunc
	for range 1 + r.rng.IntN(4) {
		faults = append(faults, kinds[r.rng.IntN(len(kinds))]())
	}
	return faults
}

func (r *trial) check(t *testing.T, name, data string, before map[meta.ID]bool, target, img *meta.Image, err error) {
	var now []*meta.Image
	for _, i := range r.images(t) {
		if i.Name == name {
			now = append(now, i)
		}
	}
	want := len(before)
	if err == nil && target == nil {
		want++
	}
	if len(now) != want {
		t.Errorf("%s: %d images, want %d, after %v", r.what, len(now), want, err)
	}
	if err != nil {
		for _, i := range now {
			if target != nil && i.ID == target.ID && i.Status == meta.Available {
				t.Errorf("%s: %v, and the data are stored", r.what, err)
			}
		}
		return
	}
	if target == nil && before[img.ID] || target != nil && img.ID != target.ID || img.Status != meta.Available || img.Checksum != md5Of(data) {
		t.Errorf("%s: returned %+v", r.what, img)
	}
	if head, err := r.sight.HeadImage(t.Context(), img.ID); err != nil || head.Checksum != img.Checksum {
		t.Errorf("%s: the image is %+v, %v", r.what, head, err)
	}
}

// cutUnlessHead is cutReply where that leaves a reply that is not whole.
func cutUnlessHead(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		reset(w, r)
		return
	}
	cutReply(w, r)
}
