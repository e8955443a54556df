package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/visorfs/visorfs/meta"
)

func someImages() []*meta.Image {
	return []*meta.Image{
		{
			ID: "5662192c-fe11-4f4a-9f55-e2bc69a186d5", Name: "a rather long name of an image, 大きい too.iso",
			Architecture: "x86_64", Format: "iso", Size: 729_808_896, Status: meta.Available, Access: meta.Public,
			Owner: "foo", Type: "machine", Store: "file", Checksum: sumOf("x"),
			CreatedAt: time.Date(2026, 11, 24, 3, 50, 22, 0, time.UTC),
		},
		{ID: "b63b3a6e-903e-4b01-92e9-14ee6124c8ef", Name: "x", Architecture: "i386", Status: meta.Locked, Access: meta.Private, Owner: "foo"},
	}
}

func rendered(t *testing.T, images []*meta.Image, columns []column, width int) string {
	t.Helper()
	var out strings.Builder
	if err := printTable(&out, images, columns, width); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableWithoutATerminalIsWhole(t *testing.T) {
	want := `ID                                    NAME                                            ARCH    FORMAT     SIZE  STATUS     ACCESS   OWNER
5662192c-fe11-4f4a-9f55-e2bc69a186d5  a rather long name of an image, 大きい too.iso  x86_64  iso     696 MiB  available  public   foo
b63b3a6e-903e-4b01-92e9-14ee6124c8ef  x                                               i386    -             -  locked     private  foo
`
	if got := rendered(t, someImages(), columns, 0); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTableFitsEveryWidth(t *testing.T) {
	hostile := append(someImages(), &meta.Image{ID: meta.ID(strings.Repeat("i", 300)), Name: strings.Repeat("n", 5000), Owner: strings.Repeat("o", 300)})
	for _, images := range [][]*meta.Image{someImages(), hostile} {
		for _, columns := range [][]column{columns, longColumns} {
			for width := 4; width < 250; width++ {
				lines := strings.Split(strings.TrimSuffix(rendered(t, images, columns, width), "\n"), "\n")
				if len(lines) != len(images)+1 {
					t.Fatalf("%d columns: %d lines for %d images", width, len(lines), len(images))
				}
				for _, line := range lines {
					if n := text.StringWidthWithoutEscSequences(line); n > width {
						t.Fatalf("%d columns: a line takes %d: %q", width, n, line)
					}
				}
			}
		}
	}
}

func TestTableCutsNamesBeforeItLeavesOutColumns(t *testing.T) {
	for _, test := range []struct {
		width int
		title string
		name  string
	}{
		{140, "ID NAME ARCH FORMAT SIZE STATUS ACCESS OWNER", "a rather long name of an image, 大きい too.iso"},
		{105, "ID NAME ARCH FORMAT SIZE STATUS ACCESS OWNER", "a rather long …"},
		{80, "ID NAME ARCH SIZE STATUS", "a rather long…"},
		{60, "ID NAME SIZE", "a rather lon…"},
		{50, "ID NAME", "a rather lo…"},
	} {
		lines := strings.Split(rendered(t, someImages(), columns, test.width), "\n")
		title := strings.Join(strings.Fields(lines[0]), " ")
		if title != test.title || !strings.Contains(lines[1], "  "+test.name) {
			t.Errorf("%d columns:\n%s\n%s", test.width, lines[0], lines[1])
		}
	}
}
