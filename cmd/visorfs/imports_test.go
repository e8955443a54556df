package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	iofs "io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/visorfs/visorfs"

// mayImport is who may import whom: rooms of this module, and modules. What a room
// needs in addition it says here first. The program may import everything.
var mayImport = map[string][]string{
	"meta":      {},
	"internal":  {"golang.org/x/sys"},
	"cache":     {"github.com/hashicorp/golang-lru/v2", "golang.org/x/sys", "internal/hole", "internal/owner"}, // all but the first for cache/disk
	"catalog":   {"meta", "visclient", "github.com/tidwall/btree", "golang.org/x/sync", "github.com/hashicorp/golang-lru/v2", "github.com/google/uuid"},
	"visclient": {"internal/latency", "meta", "go.yaml.in/yaml/v3", "github.com/cenkalti/backoff/v5", "github.com/agnivade/levenshtein", "golang.org/x/sync"},
	"visserver": {"internal/latency", "meta", "go.etcd.io/bbolt", "github.com/google/uuid"},
	"spool":     {"github.com/tidwall/btree", "golang.org/x/sys", "internal/hole", "internal/owner"},
	"fs":        {"internal/latency", "meta", "visclient", "cache", "catalog", "spool", "github.com/hanwen/go-fuse/v2", "golang.org/x/sync", "golang.org/x/sys", "github.com/moby/sys/mountinfo"},
}

// mayReach bounds what some rooms import over others, too.
var mayReach = map[string][]string{
	"meta":      {},
	"cache":     {"github.com/hashicorp/golang-lru/v2", "golang.org/x/sys", "internal/hole", "internal/owner"},
	"spool":     {"github.com/tidwall/btree", "golang.org/x/sys", "internal/hole", "internal/owner"},
	"visserver": {"internal/latency", "meta", "go.etcd.io/bbolt", "github.com/google/uuid", "golang.org/x/sys"}, // bbolt's; never visclient
}

// goPackage is what go list says of a package; tests do not count.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,Deps"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// covers reports whether a package is one of what may be imported.
func covers(allowed []string, pkg string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		if !strings.Contains(a, ".") {
			a = module + "/" + a
		}
		return pkg == a || strings.HasPrefix(pkg, a+"/")
	})
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	standard := make(map[string]bool)
	for _, p := range goList(t, "-deps", module+"/...") {
		standard[p.ImportPath] = p.Standard
	}
	for room, allowed := range mayImport {
		reach, bounded := mayReach[room]
		for _, p := range goList(t, module+"/"+room+"/...") { // what is inside a room obeys its rule
			for _, imported := range p.Imports {
				if !standard[imported] && !covers(append(allowed, room), imported) {
					t.Errorf("%s imports %s", p.ImportPath, imported)
				}
			}
			for _, dep := range p.Deps {
				if bounded && !standard[dep] && !covers(append(reach, room), dep) {
					t.Errorf("%s reaches %s", p.ImportPath, dep)
				}
			}
		}
	}
}

func TestEveryRoomHasARule(t *testing.T) {
	for _, p := range goList(t, module+"/...") {
		path, ok := strings.CutPrefix(p.ImportPath, module+"/")
		room, _, _ := strings.Cut(path, "/")
		if _, ruled := mayImport[room]; ok && !ruled && room != "cmd" && room != "integration" {
			t.Errorf("%s: nobody says what it may import", path)
		}
	}
}

// reserved are names, and packages as a whole, for some rooms alone.
var reserved = []struct {
	name  string // package path, or that and an identifier
	rooms []string
}{
	{"syscall.Errno", []string{"fs", "cmd/visorfs"}},
	{"os.Getenv", []string{"cmd/visorfs"}},
	{"os.LookupEnv", []string{"cmd/visorfs"}},
	{"os.Environ", []string{"cmd/visorfs"}},
	{"os.ExpandEnv", []string{"cmd/visorfs"}},
	{"os.Exit", []string{"cmd/visorfs"}},
	{"log.Fatal", []string{"cmd/visorfs"}},
	{"log.Fatalf", []string{"cmd/visorfs"}},
	{"log.Fatalln", []string{"cmd/visorfs"}},
	{"flag", []string{"cmd/visorfs"}},
	{"github.com/spf13/pflag", []string{"cmd/visorfs"}},
	{"github.com/spf13/cobra", []string{"cmd/visorfs"}},
	{"os/signal", []string{"cmd/visorfs"}},
}

func TestReservedNamesAreSaidInTheirRoomsOnly(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, entry iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bench") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		room, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		said, err := namesIn(path)
		if err != nil {
			return err
		}
		seen++
		for _, r := range reserved {
			if said[r.name] && !slices.Contains(r.rooms, filepath.ToSlash(room)) {
				t.Errorf("%s says %s", path, r.name)
			}
		}
		return nil
	})
	if err != nil || seen < 50 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// namesIn returns the packages that a file imports, and the names it uses of them,
// as path and path.Name; files for other systems count as well.
func namesIn(path string) (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	said, paths := make(map[string]bool), make(map[string]string)
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		said[imported] = true
		name := imported[strings.LastIndex(imported, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		paths[name] = imported
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok && paths[pkg.Name] != "" {
				said[paths[pkg.Name]+"."+sel.Sel.Name] = true
			}
		}
		return true
	})
	return said, nil
}
