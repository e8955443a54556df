package original

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// sqlValue is a literal of SQL.
type sqlValue struct {
	text   string
	number bool // written without quotes
}

// literal is how VMS pasted a value into a statement: nil as nothing, which is no
// SQL, and text between quotes as it came.
func literal(value any) string {
	if s, ok := value.(string); ok {
		return "'" + s + "'"
	}
	return toText(value)
}

// sqlParser reads a statement as MariaDB would, one token ahead.
type sqlParser struct {
	text string
	next int   // where the token after tok starts
	tok  token // the present token
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenString
	tokenNumber
	tokenName
	tokenSign // a single character
	tokenBad  // a string without end
)

type token struct {
	kind tokenKind
	text string
	at   int // where it starts in the statement
}

// parseSQL starts behind a beginning of the statement that VMS wrote itself.
func parseSQL(beginning, rest string) *sqlParser {
	p := &sqlParser{text: beginning + rest, next: len(beginning)}
	p.advance()
	return p
}

// values reads the list of an INSERT, its parenthesis open already.
func (p *sqlParser) values() ([]sqlValue, error) {
	var list []sqlValue
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.takeSign(",") {
			continue
		}
		if !p.takeSign(")") {
			return nil, p.syntaxError()
		}
		return list, p.end()
	}
}

// assignment is one column of an UPDATE.
type assignment struct {
	column string
	value  sqlValue
}

// assignments reads the list of an UPDATE up to its WHERE.
func (p *sqlParser) assignments() ([]assignment, error) {
	var list []assignment
	for {
		column := p.tok.text
		if p.tok.kind != tokenName {
			return nil, p.syntaxError()
		}
		p.advance()
		if !p.takeSign("=") {
			return nil, p.syntaxError()
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, assignment{column, v})
		if p.takeSign(",") {
			continue
		}
		if !p.takeWord("WHERE") {
			return nil, p.syntaxError()
		}
		return list, nil
	}
}

// value reads a literal. Neighbouring strings are one.
func (p *sqlParser) value() (sqlValue, error) {
	if p.tok.kind == tokenString {
		var b strings.Builder
		for ; p.tok.kind == tokenString; p.advance() {
			b.WriteString(p.tok.text)
		}
		return sqlValue{text: b.String()}, nil
	}
	sign := ""
	if p.takeSign("-") {
		sign = "-"
	} else {
		p.takeSign("+")
	}
	if p.tok.kind != tokenNumber {
		return sqlValue{}, p.syntaxError()
	}
	v := sqlValue{text: sign + p.tok.text, number: true}
	p.advance()
	return v, nil
}

func (p *sqlParser) end() error {
	if p.tok.kind != tokenEnd {
		return p.syntaxError()
	}
	return nil
}

func (p *sqlParser) takeSign(sign string) bool {
	return p.takeIf(p.tok.kind == tokenSign && p.tok.text == sign)
}

func (p *sqlParser) takeWord(word string) bool {
	return p.takeIf(p.tok.kind == tokenName && strings.EqualFold(p.tok.text, word))
}

func (p *sqlParser) takeIf(ok bool) bool {
	if ok {
		p.advance()
	}
	return ok
}

// maxNear is how many characters of the statement an error message shows.
const maxNear = 80

// syntaxError is MariaDB's for the present token.
func (p *sqlParser) syntaxError() error {
	near := p.text[p.tok.at:]
	if utf8.RuneCountInString(near) > maxNear {
		near = string([]rune(near)[:maxNear-len("...")]) + "..."
	}
	return fail(internal, fmt.Sprintf("You have an error in your SQL syntax; check the manual that corresponds "+
		"to your MariaDB server version for the right syntax to use near '%s' at line %d",
		near, 1+strings.Count(p.text[:p.tok.at], "\n")))
}

func unknownColumn(name, clause string) error {
	return fail(internal, fmt.Sprintf("Unknown column '%s' in '%s'", name, clause))
}
