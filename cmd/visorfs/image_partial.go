package main

import (
	"context"
	"crypto/md5" //nolint:gosec // VIS's checksum
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/visorfs/visorfs/internal/owner"
	"github.com/visorfs/visorfs/meta"
)

const (
	partSuffix    = ".part"
	versionSuffix = ".part.version"
)

// partial is a download that is not complete. It lies beside the file that it will be,
// as FILE.part, with the version of its bytes in FILE.part.version, so that a later run
// can go on with it. Its bytes are hashed as they come.
type partial struct {
	target string
	file   *os.File
	md5    hash.Hash
	size   int64 // bytes that are there and hashed; the file's position
}

// openPartial opens the partial file of target, and empties it unless its bytes are of
// the image as it is now. One process at a time may have it.
func openPartial(target string, img *meta.Image) (*partial, error) {
	file, err := openLocked(target + partSuffix)
	if err != nil {
		return nil, err
	}
	p := &partial{target: target, file: file, md5: md5.New()}
	if p.isOf(img) {
		return p, nil
	}
	if err := p.restart(img.Version()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// isOf reports whether the file can be part of an image. One of unknown size cannot be
// gone on with: nobody could tell that there is no more to come.
func (p *partial) isOf(img *meta.Image) bool {
	file, err := owner.Open(p.target+versionSuffix, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer file.Close()
	version, err := io.ReadAll(file)
	return err == nil && string(version) == img.Version() && img.Size > 0 && p.length() <= img.Size
}

// openLocked opens a file that no other process has. Another may rename it between
// opening and locking: then it is not the one any more.
func openLocked(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o666)
		if err != nil {
			return nil, err
		}
		if errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("%s: another process downloads to it", path), file.Close())
		}
		opened, err := file.Stat()
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if err := owner.CheckFile(opened); err != nil { // the directory may be one like /tmp
			return nil, errors.Join(fmt.Errorf("%s: %w; remove it", path, err), file.Close())
		}
		if named, err := os.Lstat(path); err == nil && os.SameFile(opened, named) {
			return file, nil
		}
		_ = file.Close()
	}
}

// restart empties the file, and only then says what it will hold.
func (p *partial) restart(version string) error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if err := removeIfThere(p.target + versionSuffix); err != nil {
		return err
	}
	file, err := os.OpenFile(p.target+versionSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = file.WriteString(version)
	return errors.Join(err, file.Close())
}

// length returns how many bytes there are, hashed or not.
func (p *partial) length() int64 {
	info, err := p.file.Stat()
	if err != nil {
		return 0 // as good as nothing
	}
	return info.Size()
}

// rehash takes in what an earlier run left.
func (p *partial) rehash(ctx context.Context, m *meter) (err error) {
	p.size, err = io.Copy(io.MultiWriter(p.md5, m), interruptible(ctx, p.file))
	return err
}

func (p *partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.md5.Write(b[:n])
	p.size += int64(n)
	return n, err
}

func (p *partial) sum() string { return hex.EncodeToString(p.md5.Sum(nil)) }

// keep closes the file for a later run, or removes it when there is nothing to keep.
func (p *partial) keep() error {
	if p.length() == 0 {
		return p.remove()
	}
	return p.file.Close()
}

// remove deletes the file. It is locked until its name is gone.
func (p *partial) remove() error {
	return errors.Join(removeIfThere(p.target+versionSuffix), removeIfThere(p.target+partSuffix), p.file.Close())
}

// commit gives the file, whole and on disk, its final name.
func (p *partial) commit() error {
	if err := p.file.Sync(); err != nil {
		return errors.Join(err, p.keep())
	}
	if err := os.Rename(p.target+partSuffix, p.target); err != nil {
		return errors.Join(err, p.keep())
	}
	return errors.Join(removeIfThere(p.target+versionSuffix), p.file.Close(), syncDir(filepath.Dir(p.target)))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes a rename last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // not every filesystem does
		return err
	}
	return nil
}
