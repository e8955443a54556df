//go:build linux

package integration

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/faults.md")

const faultsDoc = "../docs/faults.md"

// What stands in the document before and after the tables.
const (
	faultsIntro = `# What goes wrong, and what is seen then

Made by ` + "`go test ./integration -run TestTableOfFaults -update`" + ` from the table that the test
TestFaultsAreSurvivedOrToldOf goes through; not to be changed by hand, but for the line of runs.

Each cell is a fault between a mount and its server, and an operation on an image that was not used
before. A fault that *passes* befalls the first one or two requests, or is gone in a moment; one that
*lasts* is there until the operation has ended. What is seen is the end of the operation as a program
sees it: it works, or a call fails with an errno, with the bytes read being right all the same. A
call takes the mount's timeout at most for each question that it has to ask the server: renaming, and
closing a file whose upload broke, may need two. An upload that the server takes whole, and refuses
then, is sent some times more.

After each cell the fault is taken away, and what had failed must work: at once, or, for a reader that
was told many times that there are fewer bytes than there should be, ten seconds later, and a second
later for one that got other bytes than the image's. The server must
have the images that it should and no other, none of them half made; its store, and the mount's spool,
no file that belongs to nothing. What could not be uploaded is in lost+found of the spool, and the
log names it.

A filesystem on a loop device also works where mounting it has brought all of the image already, as a
pass of a server without ranges may.

A change that fails while its *replies* are what breaks may have been made on the server.

VIS has no checksum of a part of an image. Bytes that were changed on the way are noticed when all of
an image has been read in order, and the read of the last of them fails; whoever reads parts is not
told. TLS notices at once: use https where the way is not to be trusted.

`
	faultsRuns = "Runs: "
)

func TestTableOfFaultsIsThatOfTheTests(t *testing.T) {
	old, err := os.ReadFile(faultsDoc)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := faultsIntro + runsLine(string(old)) + "\n\n" + faultTable("Faults that pass", false) + "\n" + faultTable("Faults that last", true)
	if *update {
		if err := os.WriteFile(faultsDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(old) != want {
		t.Errorf("%s is not up to date: run this test with -update", faultsDoc)
	}
}

// runsLine returns the line of the document that says how often this was tried.
func runsLine(document string) string {
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, faultsRuns) {
			return strings.TrimSpace(line)
		}
	}
	return faultsRuns + "none yet."
}

func faultTable(title string, lasting bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n| fault |", title)
	for _, o := range operations {
		fmt.Fprintf(&b, " %s |", o.name)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(operations)+1) + "\n")
	for _, k := range faultKinds {
		fmt.Fprintf(&b, "| %s |", k.name)
		for _, o := range operations {
			fmt.Fprintf(&b, " %s |", k.cell(o, lasting))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell says what is seen of a fault.
func (k faultKind) cell(o operation, lasting bool) string {
	if !k.isOf(o) {
		return "–"
	}
	seen := k.expected(o, lasting)
	text := seen.String()
	for _, errno := range seen.errnos {
		switch o.name {
		case "mmap":
			text = strings.ReplaceAll(text, errnoName(errno), "SIGBUS")
		case onLoop:
			text = strings.ReplaceAll(text, errnoName(errno), "EIO")
		}
	}
	return text
}
