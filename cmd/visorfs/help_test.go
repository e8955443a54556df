package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand calls f with the commands that the help shows.
func everyCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			everyCommand(sub, f)
		}
	}
}

func helpOf(t *testing.T, args ...string) string {
	t.Helper()
	root := newRoot()
	var out strings.Builder
	root.SetOut(&out)
	root.SetArgs(append(args, "--help"))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHelpOfEveryCommandHasAnExampleAndTheExitCodes(t *testing.T) {
	everyCommand(newRoot(), func(cmd *cobra.Command) {
		help := helpOf(t, strings.Fields(cmd.CommandPath())[1:]...)
		for _, want := range []string{cmd.Long, "Usage:\n  " + cmd.UseLine(), "\nExamples:\n  ", "\nExit codes: 0 "} {
			if want == "" || !strings.Contains(help, want) {
				t.Errorf("%s --help has no %q:\n%s", cmd.CommandPath(), want, help)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && !strings.Contains(help, "\n  "+sub.Name()+" ") {
				t.Errorf("%s --help does not name %s", cmd.CommandPath(), sub.Name())
			}
		}
	})
}

func TestManyFlagsAreShownByTopicAndEachOnce(t *testing.T) {
	seen := make(map[string]bool)
	everyCommand(newRoot(), func(cmd *cobra.Command) {
		help := helpOf(t, strings.Fields(cmd.CommandPath())[1:]...)
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			seen[flag.Name] = true
			if n := strings.Count(help, " --"+flag.Name+" ") + strings.Count(help, " --"+flag.Name+"["); !flag.Hidden && n < 1 {
				t.Errorf("%s --help does not show --%s", cmd.CommandPath(), flag.Name)
			}
		})
		ordered := byTopic(cmd.LocalFlags())
		if len(ordered) == 1 {
			return
		}
		ordered[len(ordered)-1].flags.VisitAll(func(flag *pflag.Flag) {
			if flag.Name != "help" && !flag.Hidden {
				t.Errorf("--%s of %s is in none of the topics", flag.Name, cmd.CommandPath())
			}
		})
	})
	for _, topic := range topics {
		for _, name := range topic.flags {
			if !seen[name] {
				t.Errorf("topic %s: there is no --%s", topic.title, name)
			}
		}
	}
	for name := range flagCompletions {
		if !seen[name] {
			t.Errorf("completions: there is no --%s", name)
		}
	}
	if help := helpOf(t, "mount"); !strings.Contains(help, "\nReading:\n") || strings.Contains(help, "\nFlags:\n") {
		t.Errorf("mount --help is not by topic:\n%s", help)
	}
}
