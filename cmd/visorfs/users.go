package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// maxUsersBytes is more than any users file needs, and keeps a wrong file from memory.
const maxUsersBytes = 1 << 20

// accessKeyForm is what an access key of a users file is made of.
var accessKeyForm = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// yamlLine is all that is told of an error of the YAML reader: the rest may quote
// the file.
var yamlLine = regexp.MustCompile(`line \d+`)

// readUsers reads a users file: a YAML mapping of access keys to secret keys. Its
// errors name lines and access keys, never secrets.
func readUsers(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--users: %w; write it, with lines of `access key: secret key`", err)
	}
	defer func() { _ = file.Close() }() // it is only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("--users: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("--users %s: it is a directory; name the file in it that has the users", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("--users %s: others can read or write it (mode %04o), and it holds secret keys; run: chmod 600 %s", path, mode, path)
	}
	users, err := parseUsers(io.LimitReader(file, maxUsersBytes))
	if err != nil {
		return nil, fmt.Errorf("--users %s: %w", path, err)
	}
	return users, nil
}

var errUsersForm = errors.New("not lines of `access key: secret key`; put a secret key with special characters in quotes")

func parseUsers(in io.Reader) (map[string]string, error) {
	decoder := yaml.NewDecoder(in)
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil && err != io.EOF {
		return nil, withoutQuotes(err)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, errors.New("more than one YAML document; write one")
	}
	if len(document.Content) == 0 {
		return nil, errors.New("no users in it; write a line `access key: secret key` for each")
	}
	mapping := document.Content[0]
	if mapping.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: %w", mapping.Line, errUsersForm)
	}
	users := make(map[string]string)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if err := addUser(users, mapping.Content[i], mapping.Content[i+1]); err != nil {
			return nil, fmt.Errorf("line %d: %w", mapping.Content[i].Line, err)
		}
	}
	if len(users) == 0 {
		return nil, errors.New("no users in it; write a line `access key: secret key` for each")
	}
	return users, nil
}

// addUser takes one pair, as the text that the file has: 0123 is no number here.
func addUser(users map[string]string, key, secret *yaml.Node) error {
	if key.Kind != yaml.ScalarNode || secret.Kind != yaml.ScalarNode {
		return errUsersForm
	}
	access := key.Value
	switch _, twice := users[access]; {
	case access == "" || key.Tag == "!!null":
		return errors.New("an empty access key")
	case !accessKeyForm.MatchString(access):
		return fmt.Errorf("access key %q: use letters, digits and _ only; VISOR's servers find no other key in a request", access)
	case twice:
		return fmt.Errorf("access key %q: it is there twice", access)
	case secret.Value == "" || secret.Tag == "!!null":
		return fmt.Errorf("access key %q: its secret key is empty", access)
	}
	users[access] = secret.Value
	return nil
}

// withoutQuotes keeps of an error of the YAML reader where it is.
func withoutQuotes(err error) error {
	if line := yamlLine.FindString(err.Error()); line != "" {
		return fmt.Errorf("%s: %w", line, errUsersForm)
	}
	return errUsersForm
}
