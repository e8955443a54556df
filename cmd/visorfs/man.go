package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a directory",
		Long: `Writes a manual page for each command into DIR, which is made if it is missing.
The packages install them already.`,
		Example: `  visorfs man ~/.local/share/man/man1 && man visorfs-mount`,
		Args:    oneArgument("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writeManual(cmd.Root(), args[0])
		},
	}
}

// writeManual writes the page of a command, and of those below it.
func writeManual(cmd *cobra.Command, dir string) error {
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if err := writeManual(sub, dir); err != nil {
			return err
		}
	}
	page, err := manualPage(cmd)
	if err != nil {
		return err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	return os.WriteFile(filepath.Join(dir, name), page, 0o644)
}

// manualPage says the same of a version wherever and whenever it is made: it has no date,
// and no directory of who makes it.
func manualPage(cmd *cobra.Command) ([]byte, error) {
	if data := cmd.Flags().Lookup("data"); data != nil && data.DefValue == defaultDataDir() {
		data.DefValue = "~/.local/share/visorfs"
	}
	cmd.DisableAutoGenTag = true
	var text bytes.Buffer
	header := &doc.GenManHeader{Section: "1", Source: "visorfs " + version(), Manual: "visorfs", Date: new(time.Time)}
	if err := doc.GenMan(cmd, header, &text); err != nil {
		return nil, err
	}
	page := strings.Replace(text.String(), header.Date.Format(`"Jan 2006"`), `""`, 1)
	before, rest, _ := strings.Cut(page, ".SH OPTIONS\n") // a list without order and indent
	_, after, hasExample := strings.Cut(rest, ".SH EXAMPLE\n")
	example, seeAlso, hasMore := strings.Cut(after, ".SH SEE ALSO\n")
	if !hasExample || !hasMore {
		return nil, fmt.Errorf("the manual page of %s has no example, or no other pages", cmd.CommandPath())
	}
	return []byte(before + manualOptions(cmd) + ".SH EXAMPLES\n" + example +
		".SH EXIT STATUS\n" + exitHelp + "\n.SH SEE ALSO\n" + seeAlso), nil
}

// manualOptions lists the flags by topic, as the help does.
func manualOptions(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString(".SH OPTIONS\n")
	groups := byTopic(cmd.LocalFlags())
	if cmd.HasAvailableInheritedFlags() {
		groups = append(groups, topic{"Flags of every " + cmd.Parent().Name() + " command", cmd.InheritedFlags()})
	}
	for _, group := range groups {
		if len(groups) > 1 {
			fmt.Fprintf(&b, ".SS %s\n", group.title)
		}
		group.flags.VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden {
				writeManualFlag(&b, flag)
			}
		})
	}
	return b.String()
}

func writeManualFlag(b *strings.Builder, flag *pflag.Flag) {
	value, usage := pflag.UnquoteUsage(flag)
	b.WriteString(".TP\n")
	if flag.Shorthand != "" {
		fmt.Fprintf(b, `\fB\-%s\fR, `, flag.Shorthand)
	}
	fmt.Fprintf(b, `\fB\-\-%s\fR`, roff(flag.Name))
	if flag.NoOptDefVal == "" {
		fmt.Fprintf(b, ` \fI%s\fR`, roff(value))
	}
	fmt.Fprintf(b, "\n%s", roff(usage))
	if flag.NoOptDefVal == "" && !slices.Contains([]string{"", "0", "[]"}, flag.DefValue) {
		fmt.Fprintf(b, " (default %s)", roff(flag.DefValue))
	}
	b.WriteString("\n")
}

// roff writes text as roff does, whose own characters are these. A line that begins with
// a dot or an apostrophe would be a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
