package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitHelp says what the exit codes mean, to --help and the man pages.
const exitHelp = `0 for success, 1 for a failure, 2 for a wrong command line;
as the helper of mount(8) 32 for a failure, 1 for a wrong command line.`

const rootExample = `  # Try it: a server and a mount in one
  visorfs demo ~/images

  # Mount the repository of a server, and use its images
  export VISOR_ACCESS_KEY=me VISOR_SECRET_KEY=secret
  visorfs mount --url http://vis:4568 ~/images
  cp debian-12-amd64.iso ~/images/                       # upload
  cp ~/images/ipxe.iso /tmp/                             # download
  getfattr -d ~/images/ipxe.iso                          # metadata
  visorfs umount ~/images                                # end it

  # The same without a mount
  visorfs image list --url http://vis:4568 --sort size
  visorfs image add --url http://vis:4568 debian-12-amd64.iso type=machine
  visorfs image get --url http://vis:4568 ipxe.iso /tmp/ipxe.iso

  # Be a server
  visorfs serve --listen 0.0.0.0:4568 --data /srv/visor`

// Groups of commands.
const (
	groupMount  = "mount"
	groupImages = "images"
	groupServer = "server"
	groupSetup  = "setup"
)

// groupOf is where a command stands in the help.
var groupOf = map[string]string{
	"mount": groupMount, "umount": groupMount, "top": groupMount, "demo": groupMount,
	"image":  groupImages,
	"serve":  groupServer,
	"config": groupSetup, "completion": groupSetup, "man": groupSetup,
}

// topics order the flags of a command that has many.
var topics = []struct {
	title string
	flags []string
}{
	{"Server", []string{"url", "host", "port", "ca-file", "timeout", "config"}},
	{"Serving", []string{"listen", "data", "no-range", "like-original"}},
	{"Users and keys", []string{"access-key", "secret-key", "secret-key-file", "users"}},
	{"TLS", []string{"tls-cert", "tls-key"}},
	{"Limits", []string{"date-skew", "max-image-size", "max-uploads", "allow-location"}},
	{"Reading", []string{"memory", "readahead", "streams", "verify", "cache-dir", "cache-size", "no-passthrough"}},
	{"Writing", []string{"architecture", "spool-dir", "spool-size", "no-overwrite", "xattr-restore", "all-owners"}},
	{"Mounting", []string{"daemon", "options", "read-only", "metadata-ttl", "stop-timeout", "fsname"}},
	{"Owners and access", []string{"allow-other", "uid", "gid", "umask"}},
	{"Logging and metrics", []string{"log-file", "log-format", "log-level", "access-log", "debug", "debug-fuse", "metrics"}},
	{"Output", []string{"json"}},
}

// manyFlags is from how many flags on they are ordered by topic.
const manyFlags = 12

// addHelp has help sorted by task.
func addHelp(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: groupMount, Title: "Use images as files:"},
		&cobra.Group{ID: groupImages, Title: "Use images without a mount:"},
		&cobra.Group{ID: groupServer, Title: "Serve images:"},
		&cobra.Group{ID: groupSetup, Title: "Set up:"},
	)
	for _, cmd := range root.Commands() {
		cmd.GroupID = groupOf[cmd.Name()]
	}
	root.SetHelpCommandGroupID(groupSetup)
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStderr(), usageOf(cmd))
		return err
	})
}

// usageOf is what follows the description of a command in its help.
func usageOf(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(&b, cmd)
	if local := cmd.LocalFlags(); local.HasAvailableFlags() {
		writeFlags(&b, local)
	}
	if cmd.HasAvailableInheritedFlags() {
		fmt.Fprintf(&b, "\nFlags of every %s command:\n%s", cmd.Parent().Name(), cmd.InheritedFlags().FlagUsages())
	}
	fmt.Fprintf(&b, "\nExit codes: %s\n", exitHelp)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help tells more.\n", cmd.CommandPath())
	}
	return b.String()
}

func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, group := range groups {
		title := "\n" + group.Title + "\n"
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group.ID && (sub.IsAvailableCommand() || sub.Name() == "help") {
				fmt.Fprintf(b, "%s  %-*s  %s\n", title, sub.NamePadding(), sub.Name(), sub.Short)
				title = ""
			}
		}
	}
}

func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	for _, topic := range byTopic(flags) {
		fmt.Fprintf(b, "\n%s:\n%s", topic.title, topic.flags.FlagUsages())
	}
}

// topic is some flags that belong together.
type topic struct {
	title string
	flags *pflag.FlagSet
}

// byTopic orders flags if they are many; those of no topic come last.
func byTopic(flags *pflag.FlagSet) (ordered []topic) {
	shown := 0
	flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			shown++
		}
	})
	if shown < manyFlags {
		return []topic{{"Flags", flags}}
	}
	placed := make(map[string]bool)
	for _, t := range topics {
		set := pflag.NewFlagSet(t.title, pflag.ContinueOnError)
		set.SortFlags = false
		for _, name := range t.flags {
			if flag := flags.Lookup(name); flag != nil {
				set.AddFlag(flag)
				placed[name] = true
			}
		}
		if set.HasAvailableFlags() {
			ordered = append(ordered, topic{t.title, set})
		}
	}
	others := pflag.NewFlagSet("others", pflag.ContinueOnError)
	flags.VisitAll(func(flag *pflag.Flag) {
		if !placed[flag.Name] {
			others.AddFlag(flag)
		}
	})
	return append(ordered, topic{"Other", others})
}
