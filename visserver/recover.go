package visserver

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/visorfs/visorfs/meta"
)

// recover makes records and files fit again after a crash: files that no record
// counts on go, records whose file is wrong are reported.
func (s *Server) recover() error {
	arrivals, err := removeFiles(s.files.incoming, func(string) bool { return true })
	if err != nil {
		return err
	}
	orphans, err := removeFiles(s.files.images, s.isOrphan)
	if err != nil {
		return err
	}
	if n := arrivals + orphans; n > 0 {
		s.log.Info("removed files that a crash left", slog.Int("count", n))
	}
	for _, img := range s.records.all() {
		if img.Status == meta.Available {
			s.checkFile(img)
		}
	}
	return nil
}

// isOrphan reports whether a name in images/ is that of an image file whose
// record does not say that it is there. Files of other names are not ours.
func (s *Server) isOrphan(name string) bool {
	if uuid.Validate(name) != nil {
		return false
	}
	img, ok := s.records.get(meta.ID(name))
	return !ok || img.Status != meta.Available || isRegistered(img)
}

// checkFile warns of an available image whose file cannot be right. The record
// stays: the file may be brought back.
func (s *Server) checkFile(img *meta.Image) {
	info, err := s.statFile(img)
	switch {
	case err != nil:
		s.log.Warn("image file unreadable", slog.String("image", string(img.ID)), slog.Any("error", err))
	case info.Size() != img.Size:
		s.log.Warn("image file of the wrong size", slog.String("image", string(img.ID)),
			slog.Int64("bytes", info.Size()), slog.Int64("expected", img.Size))
	}
}

func (s *Server) statFile(img *meta.Image) (fs.FileInfo, error) {
	if !isRegistered(img) {
		return os.Stat(s.files.path(img.ID))
	}
	file, info, err := s.openRegistered(img)
	if err == nil {
		err = file.Close()
	}
	return info, err
}

// removeFiles removes the files in dir whose names are unwanted, and counts them.
func removeFiles(dir string, unwanted func(name string) bool) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, entry := range entries {
		if entry.IsDir() || !unwanted(entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return count, fmt.Errorf("remove leftover: %w", err)
		}
		count++
	}
	return count, nil
}
