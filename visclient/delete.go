package visclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/visorfs/visorfs/meta"
)

// DeleteImage deletes an image and its data. It returns the metadata of what was
// deleted, or only the id when the reply of the server was lost on the way and
// the image is gone.
// Errors: ErrNotFound, ErrConflict, ErrForbidden, ErrInternal, ErrTimeout.
func (c *Client) DeleteImage(ctx context.Context, id meta.ID) (*meta.Image, error) {
	var img *meta.Image
	op := imageCall("delete image", http.MethodDelete, id)
	var lost bool
	op.lost = &lost
	op.accept = imageInto(op, &img)
	err := c.send(ctx, op)
	if errors.Is(err, ErrNotFound) && lost {
		return &meta.Image{ID: id}, nil
	}
	return img, err
}

// DeleteByQuery deletes every image that [Client.GetImages] returns for a query,
// and returns the metadata of each that it deleted. One that cannot be deleted
// does not keep it from the others; the errors are joined. One that somebody else deleted
// meanwhile is no error.
func (c *Client) DeleteByQuery(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	images, err := c.GetImages(ctx, query)
	if err != nil {
		return nil, err
	}
	var deleted []*meta.Image
	var failed []error
	for _, img := range images {
		gone, err := c.DeleteImage(ctx, img.ID)
		switch {
		case err == nil:
			deleted = append(deleted, gone)
		case !errors.Is(err, ErrNotFound):
			failed = append(failed, err)
		}
	}
	return deleted, errors.Join(failed...)
}
