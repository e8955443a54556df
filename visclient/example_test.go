package visclient_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// startServer starts an embedded VIS server with the user foo, whose secret key is
// bar. With a server of your own you need its URL only.
func startServer() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "visclient-example-")
	if err != nil {
		log.Fatal(err)
	}
	vis, err := visserver.New(visserver.Options{Dir: dir, Users: map[string]string{"foo": "bar"}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(vis)
	return server.URL, func() {
		server.Close()
		if err := errors.Join(vis.Close(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}

// newExample returns a client of a new server that holds one image.
func newExample() (client *visclient.Client, id meta.ID, stop func()) {
	url, stop := startServer()
	client, err := visclient.New(visclient.Options{URL: url, AccessKey: "foo", SecretKey: "bar"})
	if err != nil {
		log.Fatal(err)
	}
	fields := meta.Fields{"name": "CentOS 6.2", "architecture": "i386", "format": "iso"}
	img, err := client.PostImage(context.Background(), fields, strings.NewReader("the data of CentOS"))
	if err != nil {
		log.Fatal(err)
	}
	return client, img.ID, stop
}

func ExampleNew() {
	url, stop := startServer()
	defer stop()

	client, err := visclient.New(visclient.Options{
		URL:       url, // e.g. http://10.0.0.1:4568
		AccessKey: "foo",
		SecretKey: "bar",
	})
	if err != nil {
		log.Fatal(err)
	}
	// Ask the server whether it takes the keys before anything depends on it.
	if err := client.CheckAccess(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.AccessKey(), "has access")
	// Output: foo has access
}

func ExampleClient_GetImages() {
	client, _, stop := newExample()
	defer stop()

	images, err := client.GetImages(context.Background(), url.Values{
		"format": {"iso"},
		"sort":   {"name"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, img := range images {
		fmt.Println(img.Name, img.Architecture, img.Size)
	}
	// Output: CentOS 6.2 i386 18
}

func ExampleClient_GetImage() {
	client, id, stop := newExample()
	defer stop()

	body, err := client.GetImage(context.Background(), id, visclient.Range{Offset: 4, Length: 4})
	if err != nil {
		log.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q at %d of %d\n", data, body.Offset, body.Image.Size)
	// Output: "data" at 4 of 18
}

func ExampleClient_PostImage() {
	client, _, stop := newExample()
	defer stop()

	img, err := client.PostImage(context.Background(), meta.Fields{
		"name":         "Debian 12",
		"architecture": "x86_64",
		"format":       "vmdk",
		"flavour":      "small", // a custom attribute
	}, strings.NewReader("any io.Reader, such as an *os.File"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Name, img.Status, img.Size, img.Checksum, img.Other["flavour"])
	// Output: Debian 12 available 34 a060c0769a646ca8484a6c2e7a7ce90f small
}

func ExampleClient_PutImage() {
	client, id, stop := newExample()
	defer stop()

	img, err := client.PutImage(context.Background(), id, meta.Fields{"name": "CentOS 6.3"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Name, img.Architecture)
	// Output: CentOS 6.3 i386
}

func ExampleClient_DeleteImage() {
	client, id, stop := newExample()
	defer stop()

	gone, err := client.DeleteImage(context.Background(), id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("deleted", gone.Name)

	_, err = client.HeadImage(context.Background(), id)
	fmt.Println(errors.Is(err, visclient.ErrNotFound))
	// Output:
	// deleted CentOS 6.2
	// true
}

func ExampleClient_HeadImage() {
	client, id, stop := newExample()
	defer stop()

	img, err := client.HeadImage(context.Background(), id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Name, img.Status, img.Size)
	// Output: CentOS 6.2 available 18
}

func ExampleClient_GetImagesDetail() {
	client, _, stop := newExample()
	defer stop()

	images, err := client.GetImagesDetail(context.Background(), url.Values{"architecture": {"i386"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, img := range images {
		fmt.Println(img.Name, img.Access, img.Owner, img.Checksum)
	}
	// Output: CentOS 6.2 public foo 5aa31d02bd445bb4fa1a06a6ddc202e8
}

func ExampleClient_DeleteByQuery() {
	client, _, stop := newExample()
	defer stop()

	deleted, err := client.DeleteByQuery(context.Background(), url.Values{"format": {"iso"}})
	if err != nil {
		log.Fatal(err) // it names those that could not be deleted; the others are gone
	}
	for _, img := range deleted {
		fmt.Println("deleted", img.Name)
	}
	// Output: deleted CentOS 6.2
}

func ExampleClient_Download() {
	client, id, stop := newExample()
	defer stop()

	img, err := client.HeadImage(context.Background(), id)
	if err != nil {
		log.Fatal(err)
	}
	hash := md5.New()
	if _, err := client.Download(context.Background(), img, 0, io.MultiWriter(os.Stdout, hash)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("\nas stored:", hex.EncodeToString(hash.Sum(nil)) == img.Checksum)
	// Output:
	// the data of CentOS
	// as stored: true
}
