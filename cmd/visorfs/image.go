package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/visclient"
)

// newImage groups the commands that work on a repository without a mount. Each has
// a file of its own; they share how an image is named (image_find.go), queries
// (image_query.go), attributes (image_attributes.go), what is sent (image_source.go) and
// kept of a download (image_partial.go), and all that meets a terminal (image_terminal.go,
// image_printable.go, image_table.go, image_meter.go).
func newImage() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "image",
		Short: "List, show, get, add, update and delete images without a mount",
		Long: `Works on the images of a VIS server without mounting it. An image is named by its
id, or by its name where no other image has the same.
` + settingsHelp,
		Example: `  visorfs image list --query 'architecture=x86_64&format=iso' --sort size --dir desc
  visorfs image add debian.iso type=machine
  visorfs image show debian.iso
  visorfs image get debian.iso /tmp/debian.iso
  visorfs image update debian.iso access=private
  visorfs image delete debian.iso`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.addServer(cmd.PersistentFlags())
	s.addKeys(cmd.PersistentFlags())
	cmd.AddCommand(newImageList(&s), newImageShow(&s), newImageGet(&s), newImageAdd(&s), newImageUpdate(&s), newImageDelete(&s))
	for _, sub := range cmd.Commands() {
		sub.RunE = withPrintableErrors(sub.RunE)
	}
	return cmd
}

// connect returns a client of a server that is there and takes the user's keys.
func (s *settings) connect(ctx context.Context) (*visclient.Client, error) {
	o, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if err := requireKeys(o); err != nil {
		return nil, err
	}
	client, err := visclient.New(o)
	if err != nil {
		return nil, err
	}
	return client, checkAccess(ctx, client)
}

// printableError is an error whose text may hold what a server sent.
type printableError struct{ error }

func (e printableError) Error() string { return printableLines(e.error.Error()) }
func (e printableError) Unwrap() error { return e.error }

func withPrintableErrors(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err == nil {
			return nil
		}
		var usage usageError
		if errors.As(err, &usage) {
			return usageError{printableError{err}}
		}
		return printableError{err}
	}
}
