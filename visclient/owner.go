package visclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/visorfs/visorfs/meta"
)

// CheckOwner reports whether the user may change or delete an image, where the server
// does not do so itself: the original one lets anybody change anything by its id. For
// other servers it asks nothing, and reports nothing.
// Errors: ErrForbidden for another user's image, those of [Client.HeadImage].
func (c *Client) CheckOwner(ctx context.Context, id meta.ID) error {
	if !c.IsOriginal() {
		return nil
	}
	own, err := c.owns(ctx, id)
	if err != nil {
		return err
	}
	if !own {
		return &Error{Op: "check owner", ID: id, Err: fmt.Errorf("%w: it is another user's, although the server would let you change it", ErrForbidden)}
	}
	return nil
}

func (c *Client) owns(ctx context.Context, id meta.ID) (bool, error) {
	img, err := c.HeadImage(ctx, id)
	if err == nil {
		return img.Owner == c.accessKey, nil
	}
	if !errors.Is(err, ErrInternal) {
		return false, err
	}
	// The record may be one that the server cannot read. It lists the user's own all the same.
	images, err := c.GetImages(ctx, nil)
	return slices.ContainsFunc(images, func(img *meta.Image) bool { return img.ID == id }), err
}
