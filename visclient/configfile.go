package visclient

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
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

// ReadConfigFile reads one configuration file. Its sections may be merged from
// others with YAML's anchors (<<: *default).
func ReadConfigFile(path string) (ConfigFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return ConfigFile{}, err
	}
	return parseConfigFile(path, data)
}

func parseConfigFile(path string, data []byte) (ConfigFile, error) {
	var sections map[string]any // to say what is there instead of what is wanted
	var known struct {
		Image struct {
			Host      string `yaml:"bind_host"`
			Port      int    `yaml:"bind_port"`
			AccessKey string `yaml:"access_key"`
			SecretKey string `yaml:"secret_key"`
		} `yaml:"visor_image"`
		Store struct {
			Default string `yaml:"default"`
		} `yaml:"visor_store"`
	}
	if err := yaml.Unmarshal(data, &sections); err != nil {
		return ConfigFile{}, fmt.Errorf("%s: %w", path, oneLine(err))
	}
	if err := checkSections(sections); err != nil {
		return ConfigFile{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := yaml.Unmarshal(data, &known); err != nil {
		return ConfigFile{}, fmt.Errorf("%s: %w", path, oneLine(err))
	}
	image := known.Image
	if image.Port < 0 || image.Port > 65535 {
		return ConfigFile{}, fmt.Errorf("%s: visor_image: bind_port: %d is not a port", path, image.Port)
	}
	return ConfigFile{
		Path: path, Host: image.Host, Port: image.Port,
		AccessKey: image.AccessKey, SecretKey: image.SecretKey, Store: known.Store.Default,
	}, nil
}

const imageSection = "visor_image"

var imageKeys = []string{"bind_host", "bind_port", "access_key", "secret_key"}

// checkSections finds what was probably meant as a section or key that is read here.
// Other unknown names are none of our business: VISOR's servers share the file.
func checkSections(sections map[string]any) error {
	image, ok := sections[imageSection].(map[string]any)
	if !ok {
		for name := range sections {
			if similar(name, imageSection) {
				return fmt.Errorf("%s: is %s meant?", name, imageSection)
			}
		}
		return fmt.Errorf("no section %s (it holds %s)", imageSection, strings.Join(imageKeys, ", "))
	}
	for _, key := range imageKeys {
		if _, ok := image[key]; ok {
			continue
		}
		for name := range image {
			if similar(name, key) && !slices.Contains(imageKeys, name) {
				return fmt.Errorf("%s: %s: is %s meant?", imageSection, name, key)
			}
		}
	}
	return nil
}

// similar reports whether a name is another with a letter or two mistyped.
func similar(name, other string) bool {
	return levenshtein.ComputeDistance(strings.ToLower(name), other) <= 2
}

// oneLine joins the lines of the YAML library's errors.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
