package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

func newImageDelete(s *settings) *cobra.Command {
	var q queryFlags
	var yes, allOwners bool
	cmd := &cobra.Command{
		Use:   "delete [flags] ID|NAME...",
		Short: "Delete images",
		Long: `Deletes images, their attributes and their data, and prints the id and name of each
that is gone. One that cannot be deleted does not keep it from the others; then the
exit code is 1.

With --query it shows the images that the query selects, and asks before it deletes
them, unless --yes is given.`,
		Example: `  visorfs image delete debian.iso 5662192c-fe11-4f4a-9f55-e2bc69a186d5
  visorfs image delete --query 'format=vdi'
  visorfs image delete --query 'type=ramdisk&access=private' --yes`,
		Args: cobra.ArbitraryArgs, // checkDelete knows the flags too
		RunE: func(cmd *cobra.Command, args []string) error {
			byQuery := cmd.Flags().Changed("query")
			query, err := q.values()
			if err != nil {
				return err
			}
			if err := checkDelete(cmd, args, byQuery, query, yes); err != nil {
				return err
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			if byQuery {
				return deleteByQuery(cmd, client, query, yes)
			}
			return deleteNamed(cmd, client, args, allOwners)
		},
	}
	q.addQuery(cmd.Flags(), "delete the images that have these values")
	addAllOwners(cmd.Flags(), &allOwners)
	cmd.Flags().BoolVar(&yes, "yes", false, "delete what --query selects without asking")
	return cmd
}

// checkDelete refuses what does not say clearly which images are to go.
func checkDelete(cmd *cobra.Command, args []string, byQuery bool, query url.Values, yes bool) error {
	switch {
	case !byQuery && len(args) == 0:
		return usageError{fmt.Errorf("ID|NAME is missing, or --query; usage: %s", cmd.UseLine())}
	case !byQuery:
		return nil
	case len(args) > 0:
		return usageError{fmt.Errorf("--query says which images; leave out %q", args[0])}
	case !visclient.Selects(query):
		return usageError{errors.New("a --query without a value to look for would delete every image; " + queryForm)}
	case !yes && !isTerminal(cmd.InOrStdin()):
		return usageError{errors.New("standard input is no terminal, so nobody can be asked; look with visorfs image list --query, then give --yes")}
	}
	return nil
}

func deleteByQuery(cmd *cobra.Command, client *visclient.Client, query url.Values, yes bool) error {
	images, err := client.GetImagesDetail(cmd.Context(), query)
	if err != nil {
		return err
	}
	if len(images) == 0 || !yes {
		if err := printImages(cmd, images, false, false); err != nil {
			return err
		}
	}
	if len(images) == 0 {
		return nil
	}
	if !yes {
		ok, err := confirm(cmd, fmt.Sprintf("Delete %s?", these(len(images))))
		if err != nil || !ok {
			return err
		}
	}
	var d deletion
	for _, img := range images {
		d.try(cmd, client, img.ID, img.Name)
	}
	return d.err()
}

func these(images int) string {
	if images == 1 {
		return "this image"
	}
	return fmt.Sprintf("these %d images", images)
}

// confirm asks a person. Anything but yes is no.
func confirm(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(interruptible(cmd.Context(), cmd.InOrStdin())).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func deleteNamed(cmd *cobra.Command, client *visclient.Client, words []string, allOwners bool) error {
	var d deletion
	for _, word := range words {
		id, err := findID(cmd.Context(), client, word)
		if err == nil {
			err = checkOwner(cmd, client, id, allOwners)
		}
		if err != nil {
			d.fail(err)
			continue
		}
		d.try(cmd, client, id, word)
	}
	return d.err()
}

// deletion goes through images, past those that cannot be deleted.
type deletion struct {
	tried  int
	failed []error
}

func (d *deletion) try(cmd *cobra.Command, client *visclient.Client, id meta.ID, name string) {
	img, err := client.DeleteImage(cmd.Context(), id)
	if err != nil {
		d.fail(err)
		return
	}
	d.tried++
	if img.Name != "" {
		name = img.Name // as it was last
	}
	fmt.Fprintf(cmd.OutOrStdout(), "deleted %s%s%s\n", printable(string(id)), columnSpace, printable(name))
}

func (d *deletion) fail(err error) {
	d.tried++
	d.failed = append(d.failed, err)
}

func (d *deletion) err() error {
	switch {
	case len(d.failed) == 0:
		return nil
	case d.tried == 1:
		return d.failed[0]
	}
	return fmt.Errorf("%d of %d images could not be deleted:%s", len(d.failed), d.tried, indented(d.failed))
}
