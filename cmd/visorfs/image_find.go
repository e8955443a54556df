package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// findImage returns the image of an id, or of a name that no other image has.
func findImage(ctx context.Context, client *visclient.Client, word string) (*meta.Image, error) {
	id, err := findID(ctx, client, word)
	if err != nil {
		return nil, err
	}
	return client.HeadImage(ctx, id)
}

// findID returns an id as it is, and that of the image of a name.
func findID(ctx context.Context, client *visclient.Client, word string) (meta.ID, error) {
	if isID(word) {
		return meta.ID(word), nil
	}
	ids, err := imagesNamed(ctx, client, word)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", fmt.Errorf("there is no image %q; see visorfs image list", word)
	case len(ids) > 1:
		return "", fmt.Errorf("%d images have the name %q; choose one by its id:%s", len(ids), word, indented(ids))
	}
	return ids[0], nil
}

func isID(word string) bool { return len(word) == 36 && uuid.Validate(word) == nil }

// imagesNamed returns the ids of the images of a name, which is told apart from others
// more strictly than servers do: they ignore case.
func imagesNamed(ctx context.Context, client *visclient.Client, name string) ([]meta.ID, error) {
	query := url.Values{"name": {name}}
	if strings.ContainsAny(name, `'\`) {
		query = nil // the original server pastes values into SQL
	}
	images, err := client.GetImages(ctx, query)
	if err != nil {
		return nil, err
	}
	var ids []meta.ID
	for _, img := range images {
		if img.Name == name {
			ids = append(ids, img.ID)
		}
	}
	return ids, nil
}

// indented puts each item on a line of its own.
func indented[T any](items []T) string {
	var b strings.Builder
	for _, item := range items {
		fmt.Fprintf(&b, "\n  %v", item)
	}
	return b.String()
}
