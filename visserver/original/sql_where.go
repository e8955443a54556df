package original

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// condition selects rows.
type condition func(row) bool

// maxNesting bounds the parentheses of a condition, and so the parser's stack.
const maxNesting = 100

// where reads a condition: equality, AND, OR and parentheses.
func (p *sqlParser) where() (condition, error) { return p.or(0) }

func (p *sqlParser) or(depth int) (condition, error) {
	left, err := p.and(depth)
	for err == nil && p.takeWord("OR") {
		a := left
		var b condition
		b, err = p.and(depth)
		left = func(r row) bool { return a(r) || b(r) }
	}
	return left, err
}

func (p *sqlParser) and(depth int) (condition, error) {
	left, err := p.comparison(depth)
	for err == nil && p.takeWord("AND") {
		a := left
		var b condition
		b, err = p.comparison(depth)
		left = func(r row) bool { return a(r) && b(r) }
	}
	return left, err
}

func (p *sqlParser) comparison(depth int) (condition, error) {
	if depth < maxNesting && p.takeSign("(") {
		inner, err := p.or(depth + 1)
		if err == nil && !p.takeSign(")") {
			err = p.syntaxError()
		}
		return inner, err
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	if !p.takeSign("=") {
		return func(r row) bool { v, _ := a(r); return leadingNumber(v.text) != 0 }, nil
	}
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	return func(r row) bool {
		x, okX := a(r)
		y, okY := b(r)
		return okX && okY && x.equal(y)
	}, nil
}

// operand gives a value of a row; ok is false for NULL.
type operand func(row) (v operandValue, ok bool)

// operandValue is a value along with the type it is compared as.
type operandValue struct {
	text string
	kind meta.Kind
}

func (p *sqlParser) operand() (operand, error) {
	if p.tok.kind == tokenName {
		name := strings.ToLower(p.tok.text)
		kind, ok := columnKind(name)
		if !ok {
			return nil, unknownColumn(p.tok.text, "WHERE")
		}
		p.advance()
		return func(r row) (operandValue, bool) { text, ok := r[name]; return operandValue{text, kind}, ok }, nil
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	c := operandValue{text: v.text, kind: meta.Text}
	if v.number {
		c.kind = meta.Number
	}
	return func(row) (operandValue, bool) { return c, true }, nil
}

// equal compares as MySQL does: numbers if one of them is, times without their
// offset, and text without regard to case and trailing blanks.
func (a operandValue) equal(b operandValue) bool {
	switch {
	case a.kind == meta.Number || b.kind == meta.Number:
		return leadingNumber(a.text) == leadingNumber(b.text)
	case a.kind == meta.Time || b.kind == meta.Time:
		x, okX := naiveTime(a.text)
		y, okY := naiveTime(b.text)
		return okX && okY && x == y
	}
	return strings.EqualFold(strings.TrimRight(a.text, " "), strings.TrimRight(b.text, " "))
}

var numberStart = regexp.MustCompile(`^\s*[+-]?\d+(\.\d+)?([eE][+-]?\d+)?`)

// leadingNumber is the number that a text starts with, or 0.
func leadingNumber(text string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(numberStart.FindString(text)), 64)
	if err != nil {
		return 0
	}
	return n
}

// order is one column of ORDER BY.
type order struct {
	column string
	down   bool
}

// orderBy reads the end of a SELECT.
func (p *sqlParser) orderBy() ([]order, error) {
	if !p.takeWord("ORDER") || !p.takeWord("BY") {
		return nil, p.syntaxError()
	}
	var list []order
	for {
		if p.tok.kind != tokenName {
			return nil, p.syntaxError()
		}
		o := order{column: p.tok.text}
		p.advance()
		if o.down = p.takeWord("desc"); !o.down {
			p.takeWord("asc")
		}
		list = append(list, o)
		if !p.takeSign(",") {
			break
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	for i, o := range list {
		list[i].column = strings.ToLower(o.column)
		if _, ok := columnKind(list[i].column); !ok {
			return nil, unknownColumn(o.column, "ORDER BY")
		}
	}
	return list, nil
}

// sortRows sorts rows that are in the order of their ids.
func sortRows(rows []row, by []order) {
	slices.SortStableFunc(rows, func(a, b row) int {
		for _, o := range by {
			c := compareColumn(a, b, o.column)
			if o.down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

// compareColumn puts NULL first.
func compareColumn(a, b row, column string) int {
	x, okX := a[column]
	y, okY := b[column]
	switch kind, _ := columnKind(column); {
	case !okX || !okY:
		return boolInt(okX) - boolInt(okY)
	case kind == meta.Number:
		return cmp.Compare(leadingNumber(x), leadingNumber(y))
	}
	return cmp.Compare(strings.ToLower(x), strings.ToLower(y))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
