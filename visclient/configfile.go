package visclient

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"
)

// ConfigFileName is the name of VISOR's configuration file.
const ConfigFileName = "visor-config.yml"

// ConfigFile is what VISOR's configuration file tells a client.
type ConfigFile struct {
	Path      string // "" when there is no file
	Host      string // visor_image: bind_host
	Port      int    // visor_image: bind_port
	AccessKey string // visor_image: access_key
	SecretKey string // visor_image: secret_key
	Store     string // visor_store: default
}

// FindConfigFile reads visor-config.yml from the first of the directories that
// has one; VISOR looks in ".", "~/.visor" and "/etc/visor". Having none is no error.
func FindConfigFile(dirs ...string) (ConfigFile, error) {
	for _, dir := range dirs {
		file, err := ReadConfigFile(filepath.Join(dir, ConfigFileName))
		if !errors.Is(err, iofs.ErrNotExist) {
			return file, err
		}
	}
	return ConfigFile{}, nil
}

// Or returns the options with what they leave open taken from the configuration file,
// as the original client does.
func (o Options) Or(file ConfigFile) Options {
	o.AccessKey = cmp.Or(o.AccessKey, file.AccessKey)
	o.SecretKey = cmp.Or(o.SecretKey, file.SecretKey)
	o.Store = cmp.Or(o.Store, file.Store)
	if o.URL == "" {
		o.Host = cmp.Or(o.Host, file.Host)
		o.Port = cmp.Or(o.Port, file.Port)
	}
	return o
}

// ReadConfigFile reads one configuration file. Its sections may be merged from
// others with YAML's anchors (<<: *default).
func ReadConfigFile(path string) (ConfigFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return ConfigFile{}, err
	}
	return ParseConfigFile(path, data)
}

// ParseConfigFile is [ReadConfigFile] for a file that was read already. With
// [ErrNoImageSection] it returns what the other sections tell.
func ParseConfigFile(path string, data []byte) (ConfigFile, error) {
	file, err := readSections(data)
	if err == nil {
		file.Path = path
		return file, nil
	}
	return file, fmt.Errorf("%s: %w", path, err)
}

func readSections(data []byte) (ConfigFile, error) {
	var all map[string]any // to say what is there instead of what is wanted
	var known struct {
		Image struct {
			Host      string `yaml:"bind_host"`
			AccessKey string `yaml:"access_key"`
			SecretKey string `yaml:"secret_key"`
		} `yaml:"visor_image"`
		Store struct {
			Default string `yaml:"default"`
		} `yaml:"visor_store"`
	}
	if err := yaml.Unmarshal(data, &all); err != nil {
		if unquotedSecret.Match(data) {
			err = errUnquotedSecret
		}
		return ConfigFile{}, oneLine(err)
	}
	image, err := findImageSection(all)
	if err != nil && !errors.Is(err, ErrNoImageSection) {
		return ConfigFile{}, err
	}
	if err := yaml.Unmarshal(data, &known); err != nil && image != nil {
		return ConfigFile{}, oneLine(err)
	}
	if err != nil {
		return ConfigFile{Store: known.Store.Default}, err
	}
	port, err := portOf(image["bind_port"])
	if err != nil {
		return ConfigFile{}, err
	}
	return ConfigFile{
		Host: known.Image.Host, Port: port,
		AccessKey: known.Image.AccessKey, SecretKey: known.Image.SecretKey,
		Store: known.Store.Default,
	}, nil
}

func portOf(value any) (int, error) {
	if value == nil {
		return 0, nil
	}
	port, err := strconv.ParseUint(fmt.Sprint(value), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s: bind_port: %v is not a port", imageSection, value)
	}
	return int(port), nil
}

const imageSection = "visor_image"

// ErrNoImageSection is the error for a configuration file without VISOR's section about
// its image service.
var ErrNoImageSection = errors.New("no section " + imageSection)

var imageKeys = []string{"bind_host", "bind_port", "access_key", "secret_key"}

// findImageSection also finds what was probably meant as the section, or as a key of
// it. Other unknown names are none of our business: VISOR's servers share the file.
func findImageSection(all map[string]any) (map[string]any, error) {
	image, ok := all[imageSection].(map[string]any)
	if !ok {
		for name := range all {
			if nearest(name, []string{imageSection}) != "" {
				return nil, fmt.Errorf("%s: is %s meant?", name, imageSection)
			}
		}
		return nil, fmt.Errorf("%w (it holds %s)", ErrNoImageSection, strings.Join(imageKeys, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(image)) {
		if key := nearest(name, imageKeys); key != "" {
			return nil, fmt.Errorf("%s: %s: is %s meant?", imageSection, name, key)
		}
	}
	return image, nil
}

// nearest returns which of some names another is with a letter or two mistyped; none if
// it is one of them.
func nearest(name string, of []string) string {
	best, distance := "", 3
	for _, candidate := range of {
		if name == candidate {
			return ""
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(name), candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// unquotedSecret is a secret key that YAML takes for an anchor or a tag, and would name in
// its error.
var unquotedSecret = regexp.MustCompile(`secret[_-]key["']?\s*:\s*[*&!]`)

var errUnquotedSecret = errors.New("a secret key with special characters in it; put it in quotes")

// oneLine joins the lines of the YAML library's errors.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
