package visclient_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// Every operation of the original client, against both servers, in the order in which
// client.md tells of them.
func TestEveryOperationWorksOnBothServers(t *testing.T) {
	t.Parallel()
	for mode, start := range map[string]func() *visclient.Client{
		"default":  func() *visclient.Client { c, _ := embedded(t); return c },
		"original": func() *visclient.Client { c, _ := playing(t); return c },
	} {
		t.Run(mode, func(t *testing.T) { everyOperation(t, start()) })
	}
}

type lister = func(context.Context, url.Values) ([]*meta.Image, error)

func everyOperation(t *testing.T, c *visclient.Client) {
	data := strings.Repeat("CentOS", 100_000)
	img := post(t, c, fields("CentOS 6.2", "format", "iso", "access", "private", "flavour", "small"), "")
	if img.Status != meta.Locked || img.Size != 0 || img.Owner != "foo" {
		t.Errorf("registered: %+v", img)
	}
	img, err := c.PutImage(t.Context(), img.ID, nil, strings.NewReader(data))
	if err != nil || img.Status != meta.Available || img.Size != int64(len(data)) || img.Checksum != md5Of(data) || img.UpdatedAt.IsZero() {
		t.Fatalf("stored: %+v, %v", img, err)
	}
	if _, err := c.PutImage(t.Context(), img.ID, nil, strings.NewReader(data)); err == nil {
		t.Error("the data of an available image were replaced")
	} else {
		wantError(t, "put over data", err, visclient.ErrConflict)
	}
	img, err = c.PutImage(t.Context(), img.ID, meta.Fields{"type": "machine"}, nil)
	if err != nil || img.Type != "machine" || img.Other["flavour"] != "small" {
		t.Errorf("changed: %+v, %v", img, err)
	}
	head, err := c.HeadImage(t.Context(), img.ID)
	if err != nil || head.Type != "machine" || head.Version() != img.Version() {
		t.Errorf("head: %+v, %v", head, err)
	}
	if got := eventually(t, c, img, data); got != data {
		t.Errorf("read %d bytes, want %d", len(got), len(data))
	}
	other := post(t, c, fields("Debian", "format", "vdi"), "data")
	wantNames(t, c.GetImages, url.Values{"sort": {"name"}, "dir": {"desc"}}, "Debian", "CentOS 6.2")
	wantNames(t, c.GetImagesDetail, url.Values{"format": {"vdi"}}, "Debian")
	wantNames(t, c.GetImagesDetail, url.Values{"architecture": {"i386"}})
	gone, err := c.DeleteByQuery(t.Context(), url.Values{"format": {"vdi"}})
	if err != nil || len(gone) != 1 || gone[0].ID != other.ID {
		t.Errorf("deleted by query: %v, %v", gone, err)
	}
	if gone, err := c.DeleteImage(t.Context(), img.ID); err != nil || gone.Name != "CentOS 6.2" {
		t.Errorf("deleted: %+v, %v", gone, err)
	}
	_, err = c.HeadImage(t.Context(), img.ID)
	wantError(t, "head of a deleted image", err, visclient.ErrNotFound)
	wantNames(t, c.GetImages, nil)
}

// eventually downloads an image that was uploaded a moment ago.
func eventually(t *testing.T, c *visclient.Client, img *meta.Image, want string) string {
	t.Helper()
	var got strings.Builder
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		got.Reset()
		if _, err := c.Download(t.Context(), img, 0, &got); err != nil {
			t.Fatal(err)
		}
		if got.Len() == len(want) {
			break
		}
	}
	return got.String()
}

func wantNames(t *testing.T, list lister, query url.Values, want ...string) {
	t.Helper()
	images, err := list(t.Context(), query)
	if err != nil {
		t.Error(err)
	}
	var got []string
	for _, img := range images {
		got = append(got, img.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v: %q, want %q", query, got, want)
	}
}
