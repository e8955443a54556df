package visclient

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// justNow is how long before its reply the original server made the record of an upload
// that it then failed to store.
const justNow = 5 * time.Second

// takeBack removes what a refused upload left on the original server, which registers
// an image before it finds that it cannot store its data. The reply does not tell its
// id: it is the one image of that name, without data, that was made just before the
// server answered. In doubt nothing is removed. The error tells of what could not be.
func (c *Client) takeBack(ctx context.Context, fields meta.Fields, failed error) error {
	var e *Error
	if !c.IsOriginal() || !errors.As(failed, &e) || e.StatusCode == 0 || e.answered.IsZero() {
		return failed
	}
	images, err := c.GetImagesDetail(ctx, url.Values{"name": {fields["name"]}})
	if err != nil {
		return errors.Join(failed, err)
	}
	var left []meta.ID
	for _, img := range images {
		age := e.answered.Sub(img.CreatedAt)
		unfinished := img.Status == meta.Failed || img.Status == meta.Uploading
		if unfinished && img.Size == 0 && img.Name == fields["name"] && age >= 0 && age <= justNow {
			left = append(left, img.ID)
		}
	}
	if len(left) != 1 {
		return failed
	}
	if _, err := c.DeleteImage(ctx, left[0]); err != nil && !errors.Is(err, ErrNotFound) {
		return errors.Join(failed, err)
	}
	return failed
}
