//go:build linux

package integration

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// output keeps what a program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// trouble is what a log line must not say unasked.
var trouble = regexp.MustCompile(`level=(WARN|ERROR)|DATA RACE|panic:|fatal error:`)

// expectLog demands a warning or error in the log that matches a pattern, and allows it.
func (p *program) expectLog(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, regexp.MustCompile(pattern))
}

// allowLog allows warnings and errors that match a pattern.
func (p *program) allowLog(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, regexp.MustCompile(pattern))
}

// checkLog fails the test when the log of a program is not as the test expects.
func (p *program) checkLog() {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.stderr.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "goroutine ") {
		p.t.Errorf("%s:\n%s", p, log)
		return
	}
	for line := range strings.Lines(log) {
		if trouble.MatchString(line) && !anyMatches(p.allowed, line) && !anyMatches(p.expected, line) {
			p.t.Errorf("%s logged: %s", p, line)
		}
	}
	for _, pattern := range p.expected {
		if !pattern.MatchString(log) {
			p.t.Errorf("%s logged nothing like %q; its log:\n%s", p, pattern, log)
		}
	}
}

func anyMatches(patterns []*regexp.Regexp, line string) bool {
	for _, pattern := range patterns {
		if pattern.MatchString(line) {
			return true
		}
	}
	return false
}
