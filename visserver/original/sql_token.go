package original

import "strings"

// advance reads the next token.
func (p *sqlParser) advance() {
	p.skipBlank()
	p.tok = token{at: p.next}
	if p.next == len(p.text) {
		return
	}
	switch c := p.text[p.next]; {
	case c == '\'' || c == '"':
		p.readString(c)
	case isDigit(c):
		p.readWhile(tokenNumber, func(c byte) bool { return isDigit(c) || c == '.' })
	case isNameByte(c):
		p.readWhile(tokenName, func(c byte) bool { return isNameByte(c) || isDigit(c) })
	default:
		p.tok.kind, p.tok.text = tokenSign, string(c)
		p.next++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

func (p *sqlParser) readWhile(kind tokenKind, part func(byte) bool) {
	for p.next < len(p.text) && part(p.text[p.next]) {
		p.next++
	}
	p.tok.kind, p.tok.text = kind, p.text[p.tok.at:p.next]
}

// skipBlank passes white space and comments.
func (p *sqlParser) skipBlank() {
	for p.next < len(p.text) {
		rest := p.text[p.next:]
		switch {
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			p.next++
		case rest[0] == '#' || strings.HasPrefix(rest, "-- "):
			p.skipPast("\n")
		case strings.HasPrefix(rest, "/*"):
			p.skipPast("*/")
		default:
			return
		}
	}
}

func (p *sqlParser) skipPast(end string) {
	if i := strings.Index(p.text[p.next:], end); i >= 0 {
		p.next += i + len(end)
		return
	}
	p.next = len(p.text)
}

// readString reads a quoted string: a backslash is swallowed, a doubled quote is
// one.
func (p *sqlParser) readString(quote byte) {
	var b strings.Builder
	for i := p.next + 1; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteString(unescapeSQL(p.text[i]))
		case c == quote && i+1 < len(p.text) && p.text[i+1] == quote:
			i++
			b.WriteByte(quote)
		case c == quote:
			p.tok.kind, p.tok.text = tokenString, b.String()
			p.next = i + 1
			return
		default:
			b.WriteByte(c)
		}
	}
	p.tok.kind = tokenBad
	p.next = len(p.text)
}

// unescapeSQL is what a character behind a backslash stands for.
func unescapeSQL(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'b':
		return "\b"
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'Z':
		return "\x1a"
	case '%', '_':
		return `\` + string(c)
	}
	return string(c)
}
