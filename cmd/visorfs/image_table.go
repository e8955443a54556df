package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/visorfs/visorfs/meta"
)

// column is one of the table of images.
type column struct {
	title string
	cell  func(*meta.Image) string
	right bool // aligned so
	drop  int  // columns of higher numbers are the first to go where there is no room; 0 stays
}

const (
	nameTitle   = "NAME"
	minName     = 12 // columns that a name keeps as long as others can go
	columnSpace = "  "
	ellipsis    = "…"
	absent      = "-" // an empty cell, so that every line has the same number of columns
)

var columns = []column{
	{title: "ID", cell: attribute("_id")},
	{title: nameTitle, cell: attribute("name")},
	{title: "ARCH", cell: attribute("architecture"), drop: 3},
	{title: "FORMAT", cell: attribute("format"), drop: 4},
	{title: "SIZE", cell: readableSize, right: true, drop: 1},
	{title: "STATUS", cell: attribute("status"), drop: 2},
	{title: "ACCESS", cell: attribute("access"), drop: 5},
	{title: "OWNER", cell: attribute("owner"), drop: 6},
}

var longColumns = append(slices.Clone(columns), []column{
	{title: "TYPE", cell: attribute("type"), drop: 7},
	{title: "STORE", cell: attribute("store"), drop: 8},
	{title: "CREATED", cell: created, drop: 9},
	{title: "BYTES", cell: exactSize, right: true, drop: 10},
	{title: "CHECKSUM", cell: attribute("checksum"), drop: 11},
}...)

func attribute(name string) func(*meta.Image) string {
	return func(img *meta.Image) string {
		value, ok := img.Get(name)
		if !ok {
			return absent
		}
		return printable(value)
	}
}

// readableSize is "-" for an image without data: VIS stores nothing empty.
func readableSize(img *meta.Image) string {
	if img.Size == 0 {
		return absent
	}
	return humanize.IBytes(uint64(img.Size))
}

func exactSize(img *meta.Image) string {
	if img.Size == 0 {
		return absent
	}
	return strconv.FormatInt(img.Size, 10)
}

// created is without blanks: a blank separates columns.
func created(img *meta.Image) string {
	if img.CreatedAt.IsZero() {
		return absent
	}
	return img.CreatedAt.UTC().Format(time.RFC3339)
}

// printTable writes a line per image that is at most so many columns wide; 0 is without
// limit. Where room lacks, names are cut first, then columns are left out.
func printTable(w io.Writer, images []*meta.Image, columns []column, width int) error {
	t := layOut(images, columns)
	t.fit(width)
	_, err := fmt.Fprintln(w, t.render(width))
	return err
}

// sheet is a table while room is made for it.
type sheet struct {
	columns []column
	cells   [][]string // per column, the title first
	widths  []int      // per column, on a terminal
}

func layOut(images []*meta.Image, columns []column) *sheet {
	s := &sheet{columns: slices.Clone(columns)}
	for _, c := range columns {
		cells := []string{c.title}
		for _, img := range images {
			cells = append(cells, c.cell(img))
		}
		width := 0
		for _, cell := range cells {
			width = max(width, text.StringWidthWithoutEscSequences(cell))
		}
		s.cells = append(s.cells, cells)
		s.widths = append(s.widths, width)
	}
	return s
}

// fit narrows the name, and then leaves out column after column, until a line is no
// wider than width.
func (s *sheet) fit(width int) {
	if width == 0 {
		return
	}
	name := slices.IndexFunc(s.columns, func(c column) bool { return c.title == nameTitle })
	for {
		tooWide := s.width() - width
		if tooWide <= 0 {
			return
		}
		if room := s.widths[name] - min(s.widths[name], minName); room > 0 {
			s.widths[name] -= min(room, tooWide)
			continue
		}
		last := s.lastToGo()
		if s.columns[last].drop == 0 {
			return // the rest is cut at the end of the line
		}
		s.columns = slices.Delete(s.columns, last, last+1)
		s.cells = slices.Delete(s.cells, last, last+1)
		s.widths = slices.Delete(s.widths, last, last+1)
		s.widen(name, width)
	}
}

// widen gives a name the room that a column left.
func (s *sheet) widen(name, width int) {
	full := 0
	for _, cell := range s.cells[name] {
		full = max(full, text.StringWidthWithoutEscSequences(cell))
	}
	s.widths[name] = min(full, s.widths[name]+max(0, width-s.width()))
}

func (s *sheet) lastToGo() int {
	last := 0
	for i, c := range s.columns {
		if c.drop > s.columns[last].drop {
			last = i
		}
	}
	return last
}

func (s *sheet) width() int {
	total := len(columnSpace) * (len(s.widths) - 1)
	for _, w := range s.widths {
		total += w
	}
	return total
}

func (s *sheet) render(width int) string {
	t := table.NewWriter()
	t.SuppressTrailingSpaces()
	t.SetStyle(plainStyle(width))
	var configs []table.ColumnConfig
	for i, c := range s.columns {
		config := table.ColumnConfig{Number: i + 1, WidthMax: s.widths[i], WidthMaxEnforcer: snip}
		if c.right {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, config)
	}
	t.SetColumnConfigs(configs)
	for line := range s.cells[0] {
		var row table.Row
		for i := range s.columns {
			row = append(row, s.cells[i][line])
		}
		if line == 0 {
			t.AppendHeader(row)
		} else {
			t.AppendRow(row)
		}
	}
	return t.Render()
}

func snip(cell string, width int) string { return text.Snip(cell, width, ellipsis) }

// plainStyle is without lines and colours, for eyes and awk.
func plainStyle(width int) table.Style {
	return table.Style{
		Box:     table.BoxStyle{MiddleVertical: columnSpace, UnfinishedRow: ellipsis},
		Size:    table.SizeOptions{WidthMax: width},
		Options: table.Options{SeparateColumns: true},
	}
}
