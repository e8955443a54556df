package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/meta"
)

func newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print what makes a shell complete commands, flags and images",
		Long: `Prints a script that makes a shell complete commands, flags, their values, and the
names of images, for which the server is asked. The packages install it already.

In bash the package bash-completion must be there too.`,
		Example: `  source <(visorfs completion bash)                      # in this shell
  visorfs completion bash > ~/.local/share/bash-completion/completions/visorfs
  visorfs completion zsh > "${fpath[1]}/_visorfs"
  visorfs completion fish > ~/.config/fish/completions/visorfs.fish`,
		Args:                  oneArgument("bash, zsh or fish"),
		ValidArgsFunction:     firstOnly(cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp)),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(cmd.OutOrStdout(), true)
			case "zsh":
				return cmd.Root().GenZshCompletion(cmd.OutOrStdout())
			case "fish":
				return cmd.Root().GenFishCompletion(cmd.OutOrStdout(), true)
			}
			return usageError{fmt.Errorf("there is no completion for %q, only for %s", args[0], strings.Join(shells, ", "))}
		},
	}
}

// flagCompletions are the values of flags, whichever command has them. Those of the
// others are free, or names of files.
var flagCompletions = map[string]cobra.CompletionFunc{
	"verify":       words(slices.Sorted(maps.Keys(verifyModes))...),
	"architecture": words(meta.Architectures...),
	"options":      completeOptions,
	"sort":         words(attributeWords()...),
	"dir":          words("asc", "desc"),
	"query":        completeQuery,
	"cache-dir":    directories,
	"spool-dir":    directories,
	"data":         directories,
	"url":          words(),
	"host":         words(),
	"port":         words(),
	"uid":          words(),
	"gid":          words(),
	"umask":        words(),
	"fsname":       words(),
	"log-format":   words(logFormats...),
	"log-level":    words(logLevels...),
	"access-key":   words(),
	"secret-key":   words(),
}

// argumentCompletions are the arguments of commands.
var argumentCompletions = map[string]cobra.CompletionFunc{
	"mount":  firstOnly(directories),
	"umount": firstOnly(completeMounts),
	"top":    firstOnly(completeMounts),
	"demo":   firstOnly(directories),
	"man":    firstOnly(directories),
	"serve":  words(),
	"config": words(),
}

// addCompletions tells a command and those below it what their arguments and flags take.
func addCompletions(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		addCompletions(sub)
	}
	if complete := argumentCompletions[cmd.Name()]; complete != nil {
		cmd.ValidArgsFunction = complete
	}
	add := func(flag *pflag.Flag) {
		if complete := flagCompletions[flag.Name]; complete != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, complete) // there is such a flag, and nothing is known of it
		}
	}
	cmd.NonInheritedFlags().VisitAll(add)
}

// words completes one of a few words; none of them is a file.
func words(choices ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)
}

func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeMounts completes what is mounted by this program. If the list cannot be had,
// nobody could read a message.
func completeMounts(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var dirs []string
	mounts, _ := fs.Mounts()
	for _, mount := range mounts {
		dirs = append(dirs, mount.Dir)
	}
	return startingWith(typed, dirs), cobra.ShellCompDirectiveNoFileComp
}

// firstOnly completes the first argument alone.
func firstOnly(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// completeOptions completes the last of the words of -o that commas separate.
func completeOptions(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	given := typed[:strings.LastIndex(typed, ",")+1]
	var candidates []string
	for _, name := range optionNames(cmd.Flags()) {
		if !slices.Contains(strings.Split(given, ","), name) {
			candidates = append(candidates, given+name)
		}
	}
	return startingWith(typed, candidates), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeQuery completes the last ATTRIBUTE=VALUE of a query.
func completeQuery(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	given := typed[:strings.LastIndex(typed, "&")+1]
	var candidates []string
	for _, candidate := range attributeCandidates(typed[len(given):], attributeWords()) {
		candidates = append(candidates, given+candidate)
	}
	return candidates, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// attributeCandidates completes KEY=, and after that VALUE where VIS knows which there are.
func attributeCandidates(typed string, keys []string) (candidates []string) {
	key, _, hasValue := strings.Cut(typed, "=")
	if !hasValue {
		for _, name := range keys {
			candidates = append(candidates, name+"=")
		}
		return startingWith(typed, candidates)
	}
	a, _ := meta.Lookup(key)
	for _, value := range a.Values {
		candidates = append(candidates, key+"="+value)
	}
	return startingWith(typed, candidates)
}

// startingWith drops what does not continue what was typed. Shells do so as well.
func startingWith(typed string, candidates []string) []string {
	return slices.DeleteFunc(candidates, func(c string) bool { return !strings.HasPrefix(c, typed) })
}

func attributeWords() []string { return strings.Split(attributeNames(), ", ") }
