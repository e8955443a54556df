package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// A repository as large teams have them: names of builds, and one image in so many with
// attributes of its own.
const customEvery = 10

// fill registers images without data, with the keys of the environment.
func fill(args []string) error {
	flags := flag.NewFlagSet("fill", flag.ExitOnError)
	perDir := flags.Int("per-dir", 0, "`IMAGES` in each directory; 0 for all in the root")
	parallel := flags.Int("parallel", 64, "`REQUESTS` at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := arguments(flags.Args(), 2); err != nil {
		return err
	}
	var images int64
	if _, err := fmt.Sscan(flags.Arg(1), &images); err != nil {
		return err
	}
	client, err := visclient.New(visclient.Options{
		URL: flags.Arg(0), AccessKey: os.Getenv("VISOR_ACCESS_KEY"), SecretKey: os.Getenv("VISOR_SECRET_KEY"),
	})
	if err != nil {
		return err
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(context.Background())
	for range *parallel {
		group.Go(func() error {
			for n := next.Add(1) - 1; n < images; n = next.Add(1) - 1 {
				if _, err := client.PostImage(ctx, fieldsOf(int(n), *perDir), nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func fieldsOf(n, perDir int) meta.Fields {
	name := fmt.Sprintf("build-%06d-amd64.iso", n)
	if perDir > 0 {
		name = fmt.Sprintf("release-%03d/%s", n/perDir, name)
	}
	f := meta.Fields{"name": name, "architecture": "x86_64", "format": "iso", "type": "machine"}
	if n%customEvery == 0 {
		f["branch"], f["commit"] = "main", fmt.Sprintf("%040x", n)
	}
	return f
}
