package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

func newImageUpdate(s *settings) *cobra.Command {
	var file string
	var asJSON, quiet, allOwners bool
	cmd := &cobra.Command{
		Use:   "update [flags] ID|NAME [KEY=VALUE...]",
		Short: "Change the attributes of an image, or give it data",
		Long: `Changes the attributes of an image. KEY= (without a value) clears a key of your own.

--file uploads data to an image that has none (its status is locked or error). Data
that are stored never change: to replace an image, delete it and add it anew.
` + attributesHelp,
		Example: `  visorfs image update debian.iso access=private flavour=small
  visorfs image update debian.iso name=debian-12.iso
  visorfs image update --file vmlinuz-6.1 vmlinuz`,
		Args: anyArguments("ID|NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := changedFields(args[1:], file)
			if err != nil {
				return err
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			img, err := findImage(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if err := checkOwner(cmd, client, img.ID, allOwners); err != nil {
				return err
			}
			img, err = update(cmd, client, img, fields, file, quiet)
			if err != nil || !asJSON {
				return err
			}
			return printJSON(cmd.OutOrStdout(), img)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "`FILE` with the data of the image, - for standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the updated image as JSON")
	addQuiet(cmd, &quiet)
	addAllOwners(cmd.Flags(), &allOwners)
	return cmd
}

func addAllOwners(flags *pflag.FlagSet, allOwners *bool) {
	flags.BoolVar(allOwners, "all-owners", false, "also change what belongs to other users, where the server does not care (the original one)")
}

// checkOwner is for servers that let anybody change any image.
func checkOwner(cmd *cobra.Command, client *visclient.Client, id meta.ID, allOwners bool) error {
	if allOwners {
		return nil
	}
	if err := client.CheckOwner(cmd.Context(), id); errors.Is(err, visclient.ErrForbidden) {
		return fmt.Errorf("%w; give --all-owners if that is what you want", err)
	} else if err != nil {
		return err
	}
	return nil
}

// changedFields reads the attributes of image update.
func changedFields(words []string, file string) (meta.Fields, error) {
	fields, err := parseAttributes(words)
	if err != nil {
		return nil, err
	}
	_, located := fields["location"]
	switch {
	case len(fields) == 0 && file == "":
		return nil, usageError{errors.New("nothing to change; write KEY=VALUE, or give --file")}
	case located && file != "":
		return nil, usageError{errors.New("location=URL says where the data are stored already; leave out --file")}
	}
	if err := fields.ValidateUpdate(); err != nil {
		return nil, usageError{err}
	}
	return fields, nil
}

func update(cmd *cobra.Command, client *visclient.Client, img *meta.Image, fields meta.Fields, file string, quiet bool) (*meta.Image, error) {
	if file != "" && !img.Status.TakesData() {
		return nil, fmt.Errorf("image %s takes no data: its status is %q, and data that are stored never change", img.ID, img.Status)
	}
	fields = img.WithCustom(fields)
	return upload(cmd, client, file, quiet, func(body io.Reader) (*meta.Image, error) {
		return client.PutImage(cmd.Context(), img.ID, fields, body)
	})
}
