package main

import "github.com/spf13/cobra"

// newImage groups the commands that work on a repository without a mount. Each has
// a file of its own; they share how an image is named (image_find.go), queries
// (image_query.go), attributes (image_attributes.go), what is sent (image_source.go) and
// kept of a download (image_partial.go), and all that meets a terminal (image_terminal.go,
// image_printable.go, image_table.go, image_meter.go).
func newImage() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "image COMMAND",
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
	addImageCompletions(cmd, &s)
	return cmd
}
