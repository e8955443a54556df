package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
)

func newImageList(s *settings) *cobra.Command {
	var q queryFlags
	var long, asJSON bool
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List images",
		Long: `Lists the images that you may see, or those that a query selects.

On a terminal the table fits its width: long names are cut first, then columns are
left out. Into a pipe or a file goes everything, "-" for what an image has not.`,
		Example: `  visorfs image list
  visorfs image list --query 'architecture=x86_64&format=iso' --sort size --dir desc
  visorfs image list --long | less -S                    # every column
  visorfs image list --json | jq -r '.[] | select(.size > 1e9) | .name'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := q.values()
			if err != nil {
				return err
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			images, err := client.GetImagesDetail(cmd.Context(), query)
			if err != nil {
				return err
			}
			return printImages(cmd, images, long, asJSON)
		},
	}
	flags := cmd.Flags()
	q.addQuery(flags, "only images that have these values")
	q.addOrder(flags)
	flags.BoolVar(&long, "long", false, "more columns: type, store, time of creation, exact size, checksum")
	flags.BoolVar(&asJSON, "json", false, "print a JSON array of the images with all attributes")
	return cmd
}

func printImages(cmd *cobra.Command, images []*meta.Image, long, asJSON bool) error {
	out := cmd.OutOrStdout()
	if len(images) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "visorfs: there are no such images")
		if !asJSON {
			return nil
		}
		images = []*meta.Image{} // not null
	}
	switch {
	case asJSON:
		return printJSON(out, images)
	case long:
		return printTable(out, images, longColumns, terminalWidth(out))
	}
	return printTable(out, images, columns, terminalWidth(out))
}
