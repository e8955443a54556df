package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
)

func newImageShow(s *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [flags] ID|NAME",
		Short: "Show the attributes of an image",
		Long:  `Shows every attribute that an image has, one per line.`,
		Example: `  visorfs image show debian.iso
  visorfs image show 5662192c-fe11-4f4a-9f55-e2bc69a186d5
  visorfs image show --json debian.iso | jq -r .checksum`,
		Args: oneArgument("ID|NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			img, err := findImage(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), img)
			}
			return printAttributes(cmd.OutOrStdout(), img)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the image as JSON")
	return cmd
}

func printAttributes(w io.Writer, img *meta.Image) error {
	t := tabwriter.NewWriter(w, 0, 0, len(columnSpace), ' ', 0)
	for _, name := range img.Names() {
		value, _ := img.Get(name)
		fmt.Fprintf(t, "%s\t%s\n", printable(name), printable(value)) // Flush has the error
	}
	return t.Flush()
}
