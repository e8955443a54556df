package visserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/visorfs/visorfs/meta"
)

// locations are the directories whose files may be registered as images.
type locations []directory

// directory is one of them.
type directory struct {
	given string // as the operator wrote it
	real  string // without symbolic links
}

// isRegistered reports whether the data of an image lie where a client said they
// do. Of all others that are available the server knows the checksum.
func isRegistered(img *meta.Image) bool {
	return img.Status == meta.Available && img.Checksum == ""
}

// openLocations reads Options.Locations of a repository in dir.
func openLocations(prefixes []string, dir string) (locations, error) {
	home, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var l locations
	for _, prefix := range prefixes {
		given, ok := pathOf(strings.TrimRight(prefix, "/"))
		if !ok {
			return nil, fmt.Errorf("location %q: give a directory as URL, like file:///srv/images", prefix)
		}
		real, err := filepath.EvalSymlinks(given)
		if err != nil {
			return nil, fmt.Errorf("location %q: %w", prefix, err)
		}
		if info, err := os.Stat(real); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("location %q: not a directory", prefix)
		}
		if within(real, home) || within(home, real) {
			// Whoever could register the server's own files could read private images.
			return nil, fmt.Errorf("location %q: it has the server's own directory %s in it, or is in it", prefix, dir)
		}
		l = append(l, directory{given, real})
	}
	return l, nil
}

// pathOf returns the path of a plain file URL.
func pathOf(location string) (string, bool) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", false
	}
	path := filepath.FromSlash(u.Path)
	return path, filepath.IsAbs(path) && filepath.Clean(path) == path
}

// within reports whether a path is that of dir or of something below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// open opens the file at a location. Where the operator allows none, or not this
// one, the error is a refusal that tells nothing of what there is on the disk.
func (l locations) open(location string) (*os.File, fs.FileInfo, error) {
	if len(l) == 0 {
		return nil, nil, refuse(http.StatusBadRequest,
			"This server does not register files stored elsewhere: send the file instead of its location, or have the operator allow it with --allow-location PREFIX")
	}
	path, ok := pathOf(location)
	if !ok {
		return nil, nil, refuse(http.StatusBadRequest, "Invalid location '%s': this server registers files as file:///DIR/FILE only, without . and ..", location)
	}
	for _, d := range l {
		if within(d.given, path) || within(d.real, path) {
			return d.open(path, location)
		}
	}
	return nil, nil, refuse(http.StatusBadRequest,
		"The location '%s' is not one that this server allows; its operator can, with --allow-location PREFIX", location)
}

// open opens a file by its resolved path, through the directory: what becomes a
// symbolic link in between leads nowhere.
func (d directory) open(path, location string) (*os.File, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, nil, notReadable(location)
	}
	if !within(d.real, real) {
		return nil, nil, refuse(http.StatusBadRequest, "The location '%s' leads out of what this server allows", location)
	}
	rel, err := filepath.Rel(d.real, real)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(d.real)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	file, err := root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait for a writer
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil, notReadable(location)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = refuse(http.StatusBadRequest, "The location '%s' is not a regular file", location)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

func notReadable(location string) error {
	return refuse(http.StatusBadRequest, "There is no file that the server can read at location '%s'", location)
}

// registration is a file of somebody else's that becomes the data of an image.
type registration struct {
	location string
	size     int64
}

// registrationOf returns the file that a request registers, nil if none.
func (s *Server) registrationOf(fields meta.Fields) (*registration, error) {
	location, ok := fields["location"]
	if !ok {
		return nil, nil
	}
	file, info, err := s.locations.open(location)
	if err != nil {
		return nil, err
	}
	_ = file.Close() // it was not written
	if info.Size() == 0 {
		return nil, refuse(http.StatusBadRequest, "The file at location '%s' is empty", location)
	}
	return &registration{location, info.Size()}, nil
}

// fillIn makes an image available. It was not uploaded, and nobody has read it: it
// has no time of upload and no checksum.
func (r *registration) fillIn(img *meta.Image) error {
	if err := checkStore(img.Store); err != nil {
		return err
	}
	img.Store = fileStore
	img.Status = meta.Available
	img.Location = r.location
	img.Size = r.size
	img.Checksum = ""
	img.UpdatedAt = now()
	return nil
}

// openRegistered opens the data of a registered image. That there are none now, or
// that the operator allows them no more, is the same to whoever asks.
func (s *Server) openRegistered(img *meta.Image) (*os.File, fs.FileInfo, error) {
	file, info, err := s.locations.open(img.Location)
	if _, refused := errors.AsType[*refusal](err); refused {
		return nil, nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return file, info, err
}

// versionOf is what changes with the bytes of a file that others may write.
func versionOf(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano())
}
