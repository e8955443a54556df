package catalog

import (
	"context"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// Fetching returns a catalog of what a function lists, without ETags.
func Fetching(ttl time.Duration, fetch func(context.Context) ([]*meta.Image, error)) *Catalog {
	return newCatalog(ttl, func(ctx context.Context, _ string) (visclient.List, error) {
		images, err := fetch(ctx)
		return visclient.List{Images: images}, err
	})
}
