package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/visorfs/visorfs/internal/owner"
)

const lostAndFound = "lost+found"

// rescue moves what killed processes left behind to lost+found.
func (d *Dir) rescue() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !isOurs(e.Name()) {
			continue
		}
		if err := d.rescueFile(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("spool: a file that a killed mount left stays where it is", "file", filepath.Join(d.path, e.Name()), "err", err)
		}
	}
	return nil
}

// rescueFile holds the file's lock until it has gone, so that it is found by one alone.
func (d *Dir) rescueFile(name string) error {
	from := filepath.Join(d.path, name)
	file, err := owner.Open(from, os.O_RDWR)
	if err != nil {
		return err
	}
	defer file.Close()
	if unused, err := lock(file); !unused || err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 || strings.HasSuffix(name, storedSuffix) {
		return os.Remove(from)
	}
	to, err := d.moveToLost(from, imageOf(name))
	if err != nil {
		return err
	}
	d.log.Info("spool: kept what a killed mount had not stored; what was not written reads as zeros",
		"image", imageOf(name), "bytes", onDisk(info), "file", to)
	return nil
}

// moveToLost gives a file a name in lost+found, and returns that.
func (d *Dir) moveToLost(from, image string) (to string, err error) {
	file, err := d.createLost(image)
	if err != nil {
		return "", err
	}
	to = file.Name()
	if err := errors.Join(file.Close(), os.Rename(from, to)); err != nil {
		return "", errors.Join(err, removeIfThere(to))
	}
	return to, nil
}

// createLost makes a file in lost+found with a name that tells the image and the time.
func (d *Dir) createLost(image string) (*os.File, error) {
	if err := os.MkdirAll(d.lostPath, 0o700); err != nil {
		return nil, err
	}
	stem := filepath.Join(d.lostPath, safeName(path.Base(image))+time.Now().Format(".20060102-150405."))
	for n := 1; ; n++ {
		file, err := os.OpenFile(fmt.Sprint(stem, n), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

// countLost says what lost+found has, and counts it.
func (d *Dir) countLost() error {
	files, bytes, err := d.measureLost()
	if err != nil {
		return err
	}
	if files > 0 {
		d.log.Info("spool: lost+found has bytes that were never stored; take what you need, and remove the rest to get the room back",
			"dir", d.lostPath, "files", files, "bytes", bytes)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = bytes
	return nil
}

// recountLost looks at lost+found again, and reports whether it takes less than before.
func (d *Dir) recountLost() bool {
	_, bytes, err := d.measureLost()
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	less := bytes < d.lost
	d.lost = bytes
	return less
}

func (d *Dir) measureLost() (files int, bytes int64, err error) {
	entries, err := os.ReadDir(d.lostPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // removed just now, or not of the spool
		}
		files++
		bytes += onDisk(info)
	}
	return files, bytes, nil
}

// onDisk returns how many bytes the filesystem has given to a file.
func onDisk(info fs.FileInfo) int64 {
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
