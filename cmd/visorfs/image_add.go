package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
)

func newImageAdd(s *settings) *cobra.Command {
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "add [flags] [FILE|-] [KEY=VALUE...]",
		Short: "Register an image, and upload its data",
		Long: `Registers an image with the data of FILE, or of standard input ("-", which needs a
name=...), and prints its id. It is successful when the server holds the data and
their size and MD5 are those of what was sent.

Without FILE it registers attributes alone: give the image data later with "image
update --file", or say with location=URL where they are stored already.

Of FILE the name is the default of name, its extension that of format, and what it
says of the architecture (amd64, i686, ...) that of architecture, else x86_64.
` + attributesHelp,
		Example: `  visorfs image add debian-12-amd64.iso
  visorfs image add disk.img name='build 42' format=vmdk access=private flavour=small
  xz -dc disk.vmdk.xz | visorfs image add - name=disk.vmdk
  visorfs image add name=vmlinuz architecture=i386 type=kernel     # data come later
  visorfs image add ./a=b.iso                                      # a file name with '='`,
		Args: anyArguments("FILE or KEY=VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, fields, err := newImageFields(args)
			if err != nil {
				return err
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			img, err := upload(cmd, client, file, quiet, func(body io.Reader) (*meta.Image, error) {
				return client.PostImage(cmd.Context(), fields, body)
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), img)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(string(img.ID)))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the new image as JSON")
	addQuiet(cmd, &quiet)
	return cmd
}

// newImageFields reads the arguments of image add.
func newImageFields(args []string) (file string, fields meta.Fields, err error) {
	file, words, err := splitFile(args)
	if err != nil {
		return "", nil, err
	}
	fields, err = parseAttributes(words)
	if err != nil {
		return "", nil, err
	}
	if _, ok := fields["location"]; ok && file != "" {
		return "", nil, usageError{errors.New("location=URL says where the data are stored already; leave out FILE")}
	}
	fields = withDefaults(fields, file)
	if err := fields.ValidateNew(); err != nil {
		return "", nil, usageError{err}
	}
	return file, fields, nil
}
