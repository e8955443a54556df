package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecretBytes is more than any key has.
const maxSecretBytes = 4096

// readSecretKey returns the first line of a file that only its owner may have access to.
// Errors name the file, never what is in it.
func readSecretKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w; write the key into it, or name another file", path, withoutPath(err))
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s: it is a directory; name the file in it that has the key", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s: others can read or write it (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w; make it readable to you", path, withoutPath(err))
	}
	defer func() { _ = file.Close() }() // it is only read
	line, err := bufio.NewReader(io.LimitReader(file, maxSecretBytes)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	secret := strings.TrimRight(line, "\r\n")
	switch {
	case secret == "":
		return "", fmt.Errorf("%s: its first line is empty; write the key there", path)
	case len(line) == maxSecretBytes && !strings.HasSuffix(line, "\n"):
		return "", fmt.Errorf("%s: its first line has %d bytes or more, which no key has; name the file that has the key", path, maxSecretBytes)
	}
	return secret, nil
}
