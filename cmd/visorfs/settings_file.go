package main

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/visorfs/visorfs/visclient"
)

// configSection is our own section of VISOR's configuration file.
const configSection = "visorfs"

// settingsFile is a configuration file. The zero value is none.
type settingsFile struct {
	path  string
	mode  iofs.FileMode
	visor visclient.ConfigFile // what VISOR's sections tell
	ours  *section             // nil when it has no section visorfs
	image *section
}

// findFile reads the file that was named, or the first that there is where VISOR looks.
func (s *settings) findFile() (settingsFile, error) {
	named := cmp.Or(s.config, os.Getenv(variable("config")))
	if named != "" {
		file, err := readSettingsFile(named)
		if errors.Is(err, iofs.ErrNotExist) {
			err = fmt.Errorf("%w; write it, or name another with --config", err)
		}
		return file, err
	}
	dirs := []string{"."}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".visor"))
	}
	for _, dir := range append(dirs, "/etc/visor") {
		file, err := readSettingsFile(filepath.Join(dir, visclient.ConfigFileName))
		if !errors.Is(err, iofs.ErrNotExist) {
			return file, err
		}
	}
	return settingsFile{}, nil
}

func readSettingsFile(path string) (settingsFile, error) {
	file := settingsFile{path: path}
	info, err := os.Stat(path)
	if errors.Is(err, syscall.ENOTDIR) {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return file, fmt.Errorf("configuration file %s: %w", path, withoutPath(err))
	}
	if info.IsDir() {
		return file, fmt.Errorf("configuration file %s: it is a directory; move it away, or name a file with --config", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return file, fmt.Errorf("configuration file %s: %w; make it readable to you, or name another with --config", path, withoutPath(err))
	}
	file.mode = info.Mode()
	return file, file.parse(text)
}

// withoutPath is the cause of an error whose path is said already.
func withoutPath(err error) error {
	var path *iofs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (f *settingsFile) parse(text []byte) error {
	var err error
	f.visor, err = visclient.ParseConfigFile(f.path, text)
	lacks := errors.Is(err, visclient.ErrNoImageSection)
	if err != nil && !lacks {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return fmt.Errorf("%s: it is empty; write a section %s or visor_image", f.path, configSection)
	}
	root := document.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch {
		case key.Value == configSection:
			if f.ours, err = newSection(value); err != nil {
				return fmt.Errorf("%s:%d: %s: %w", f.path, key.Line, configSection, err)
			}
		case key.Value == "visor_image":
			f.image, _ = newSection(value) // the client has looked at it
		case closest(key.Value, []string{configSection}) != "":
			return fmt.Errorf("%s:%d: %s: is %s meant?", f.path, key.Line, key.Value, configSection)
		}
	}
	if lacks && f.ours == nil {
		return fmt.Errorf("%w; nor a section %s", err, configSection)
	}
	return nil
}

// section is a mapping of a YAML file.
type section struct {
	keys   []*yaml.Node          // its own, in order
	values map[string]*yaml.Node // also those that it merges in from others (<<: *default)
}

func newSection(node *yaml.Node) (*section, error) {
	s := &section{values: make(map[string]*yaml.Node)}
	node = resolved(node)
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return s, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, errors.New("it holds no settings; write lines of `name: value`, indented")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Tag != "!!merge" {
			s.keys = append(s.keys, key)
		}
	}
	s.merge(node)
	return s, nil
}

// merge takes in a mapping, but for what is there already.
func (s *section) merge(node *yaml.Node) {
	var others []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolved(node.Content[i+1])
		switch {
		case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
			others = append(others, value.Content...)
		case key.Tag == "!!merge":
			others = append(others, value)
		case s.values[key.Value] == nil:
			s.values[key.Value] = value
		}
	}
	for _, other := range others {
		s.merge(resolved(other))
	}
}

func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// visorKeys are the settings that VISOR's section has, under its own names.
var visorKeys = map[string]string{"host": "bind_host", "port": "bind_port", "access-key": "access_key", "secret-key": "secret_key"}

// settings returns what the file says of settings with some names. A key of our section
// that is none of them is a mistake, unless it is merged in.
func (f *settingsFile) settings(names []string) (map[string]found, error) {
	values := make(map[string]found)
	if f.image != nil {
		for name, key := range visorKeys {
			node := f.image.values[key]
			if node == nil || node.Value == "" || node.Tag == "!!null" {
				continue
			}
			values[name] = found{origin{rank: byVISOR, where: f.line(node)}, node.Value}
		}
	}
	if f.ours == nil {
		return values, nil
	}
	for _, key := range f.ours.keys {
		if !slices.Contains(names, key.Value) {
			return nil, fmt.Errorf("%s: %s: there is no setting %q%s", f.line(key), configSection, key.Value, isMeant(key.Value, names))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.ours.values)) {
		if !slices.Contains(names, name) {
			continue
		}
		node := f.ours.values[name]
		text, err := textOf(node)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", f.line(node), name, err)
		}
		values[name] = found{origin{rank: byFile, where: f.line(node)}, text}
	}
	return values, nil
}

func (f *settingsFile) line(node *yaml.Node) string { return fmt.Sprintf("%s:%d", f.path, node.Line) }

// textOf returns a value as a flag takes it: a list has commas in between.
func textOf(node *yaml.Node) (string, error) {
	switch {
	case node.Kind == yaml.SequenceNode:
		var words []string
		for _, word := range node.Content {
			if word = resolved(word); word.Kind != yaml.ScalarNode {
				return "", errors.New("a list of words is wanted")
			}
			words = append(words, word.Value)
		}
		return strings.Join(words, ","), nil
	case node.Kind != yaml.ScalarNode:
		return "", errors.New("one value is wanted, not a section")
	case node.Tag == "!!null" || node.Value == "":
		return "", errors.New("it has no value; give it one, or remove the line")
	}
	return node.Value, nil
}

// exposed warns of a file with a secret key in it that others can read. VISOR makes its
// file like that, so it is not refused.
func (f *settingsFile) exposed() []string {
	if f.mode.Perm()&0o077 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: others can read or write it (mode %04o), and it holds the secret key; run: chmod 600 %s", f.path, f.mode.Perm(), f.path)}
}
