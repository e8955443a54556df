package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestManualHasAPageForEveryCommandThatSaysWhatTheHelpSays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "man1")
	if code, stderr := runCaptured(t, "man", dir); code != 0 {
		t.Fatal(stderr)
	}
	everyCommand(newRoot(), func(cmd *cobra.Command) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		page, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		for _, want := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n", ".SH EXAMPLES\n", ".SH EXIT STATUS\n" + exitHelp, ".SH SEE ALSO\n"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s.1 has no %q", name, want)
			}
		}
	})
	page, err := os.ReadFile(filepath.Join(dir, "visorfs-mount.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".SS Reading\n", "\n.TP\n\\fB\\-\\-verify\\fR \\fIWHEN\\fR\n", "\n.TP\n\\fB\\-o\\fR, \\fB\\-\\-options\\fR \\fIOPTIONS\\fR\n"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("visorfs-mount.1 has no %q", want)
		}
	}
}

func TestManualIsTheSameWhoeverMakesItAndWhenever(t *testing.T) {
	var pages [2][]byte
	for i, home := range []string{"/home/alice", "/home/bob"} {
		t.Setenv("HOME", home)
		t.Setenv("XDG_DATA_HOME", map[int]string{0: "", 1: "/data"}[i])
		t.Setenv("SOURCE_DATE_EPOCH", map[int]string{0: "", 1: "1000000000"}[i])
		everyCommand(newRoot(), func(cmd *cobra.Command) {
			page, err := manualPage(cmd)
			if err != nil {
				t.Error(err)
			}
			pages[i] = append(pages[i], page...)
		})
	}
	if !bytes.Equal(pages[0], pages[1]) || len(pages[0]) == 0 {
		t.Error("two manuals differ")
	}
	if strings.Contains(string(pages[0]), "alice") || strings.Contains(string(pages[0]), "Jan 0001") {
		t.Error("a directory or a date is in it")
	}
}

func TestTextOfAManualPageIsNeverARequest(t *testing.T) {
	for text, want := range map[string]string{
		".so /etc/passwd": `\&.so /etc/passwd`, "'x": `\&'x`, `a\b`: `a\eb`, "two\n.lines": "two .lines", "--x": `\-\-x`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
