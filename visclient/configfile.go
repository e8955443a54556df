package visclient

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"

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
	var sections struct {
		Image *struct {
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
		return ConfigFile{}, fmt.Errorf("%s: %w", path, err)
	}
	image := sections.Image
	switch {
	case image == nil:
		return ConfigFile{}, fmt.Errorf("%s: no section visor_image (it has bind_host, bind_port, access_key, secret_key)", path)
	case image.Port < 0 || image.Port > 65535:
		return ConfigFile{}, fmt.Errorf("%s: visor_image: bind_port: %d is not a port", path, image.Port)
	}
	return ConfigFile{
		Path: path, Host: image.Host, Port: image.Port,
		AccessKey: image.AccessKey, SecretKey: image.SecretKey, Store: sections.Store.Default,
	}, nil
}
