package main

import (
	"context"
	"crypto/md5" //nolint:gosec // VIS's checksum
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

func newImageGet(s *settings) *cobra.Command {
	var force, quiet bool
	cmd := &cobra.Command{
		Use:   "get [flags] ID|NAME [FILE|-]",
		Short: "Download an image",
		Long: `Downloads the data of an image to FILE, into the directory FILE, to standard output
("-"), or else to a file of the image's name in the working directory.

The data go to FILE.part first, and get their name when their size and MD5 are those
that the server knows and they are on disk. A download that was ended is gone on with
when the command is run again; a connection that breaks is resumed by itself.
What goes to standard output is checked at its end: the exit code says how that went.`,
		Example: `  visorfs image get debian.iso
  visorfs image get 5662192c-fe11-4f4a-9f55-e2bc69a186d5 /srv/images/debian.iso
  visorfs image get disk.vmdk - | qemu-img dd -f raw if=/dev/stdin of=/tmp/head bs=1M count=1`,
		Args: argumentsBetween(1, 2, "ID|NAME [FILE|-]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			toStdout := len(args) == 2 && args[1] == stdio
			if toStdout && isTerminal(cmd.OutOrStdout()) {
				return usageError{errors.New("an image is nothing for a terminal; redirect standard output, or name a FILE")}
			}
			client, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			img, err := findImage(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if img.Status != meta.Available {
				return fmt.Errorf("image %s holds no data: its status is %q", img.ID, img.Status)
			}
			g := &getting{cmd: cmd, client: client, img: img, quiet: quiet}
			if toStdout {
				return g.toWriter(cmd.Context(), cmd.OutOrStdout())
			}
			target, err := chooseTarget(img, args[1:], force)
			if err != nil {
				return err
			}
			return g.toFile(cmd.Context(), target)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	addQuiet(cmd, &quiet)
	return cmd
}

// chooseTarget returns the path to download to.
func chooseTarget(img *meta.Image, file []string, force bool) (string, error) {
	target := defaultFile(img)
	if len(file) > 0 {
		target = file[0]
		if info, err := os.Stat(target); err == nil && info.IsDir() {
			target = filepath.Join(target, defaultFile(img))
		}
	}
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return target, nil
	case err != nil:
		return "", err
	case info.Mode()&(os.ModeDevice|os.ModeNamedPipe|os.ModeSocket|os.ModeDir) != 0:
		return "", fmt.Errorf("%s exists and is not a regular file; to write into it, redirect standard output (FILE is then -)", target)
	case !force:
		return "", fmt.Errorf("%s exists already; name another FILE, or replace it with --force", target)
	}
	return target, nil
}

// maxFileName leaves room for the suffixes of a partial file.
const maxFileName = 255 - len(versionSuffix)

// defaultFile makes a file name of what the server says the image's name is: never one
// that leads elsewhere, hides itself, or looks like an option.
func defaultFile(img *meta.Image) string {
	for _, candidate := range []string{path.Base(img.Name), string(img.ID)} {
		name := strings.Map(func(r rune) rune {
			if r == '/' || r == '\\' || unprintable(r) {
				return '_'
			}
			return r
		}, strings.ToValidUTF8(candidate, "_"))
		name = shorten(strings.TrimLeft(strings.TrimSpace(name), ".-"), maxFileName)
		if strings.Trim(name, "_. -") != "" {
			return name
		}
	}
	return "image"
}

// shorten cuts a file name before its extension, between characters.
func shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:limit-len(ext)], "") + ext
}

// getting is one run of image get.
type getting struct {
	cmd    *cobra.Command
	client *visclient.Client
	img    *meta.Image
	quiet  bool
}

func (g *getting) toWriter(ctx context.Context, w io.Writer) error {
	sum := md5.New()
	m := g.meter(g.img.Name, 0)
	n, err := g.client.Download(ctx, g.img, 0, io.MultiWriter(w, sum, m))
	m.stop()
	if err != nil {
		return err
	}
	return g.check(n, hex.EncodeToString(sum.Sum(nil)))
}

func (g *getting) toFile(ctx context.Context, target string) error {
	p, err := openPartial(target, g.img)
	if err != nil {
		return err
	}
	if err := g.fill(ctx, p); err != nil {
		return g.giveUp(p, err)
	}
	if err := g.check(p.size, p.sum()); err != nil {
		return errors.Join(err, p.remove())
	}
	if err := p.commit(); err != nil {
		return err
	}
	g.note("%s is complete: %s", target, humanize.IBytes(uint64(p.size)))
	return nil
}

// fill brings the partial file to its full size.
func (g *getting) fill(ctx context.Context, p *partial) error {
	if length := p.length(); length > 0 {
		g.note("%s has %s already; going on from there", p.target+partSuffix, humanize.IBytes(uint64(length)))
		m := newMeter(g.cmd, g.quiet, "checking "+filepath.Base(p.target), length, 0)
		err := p.rehash(ctx, m)
		m.stop()
		if err != nil {
			return err
		}
	}
	m := g.meter(filepath.Base(p.target), p.size)
	defer m.stop()
	_, err := g.client.Download(ctx, g.img, p.size, io.MultiWriter(p, m))
	return err
}

// giveUp ends a download that failed. What there is of it is of use to the next run,
// unless the server has other data now.
func (g *getting) giveUp(p *partial, err error) error {
	if errors.Is(err, visclient.ErrMismatch) {
		return errors.Join(err, p.remove())
	}
	if length := p.length(); length > 0 {
		err = fmt.Errorf("%w; %s of %s are kept in %s, run the command again to go on", err,
			humanize.IBytes(uint64(length)), humanize.IBytes(uint64(g.img.Size)), p.target+partSuffix)
	}
	return errors.Join(err, p.keep())
}

// check compares what came with what the server says of the image.
func (g *getting) check(size int64, sum string) error {
	switch {
	case g.img.Size > 0 && size != g.img.Size:
		return fmt.Errorf("image %s: %d bytes came, it has %d", g.img.ID, size, g.img.Size)
	case !meta.IsMD5(g.img.Checksum):
		g.note("the server has no MD5 of image %s: its content is not checked", g.img.ID)
	case !strings.EqualFold(sum, g.img.Checksum):
		return fmt.Errorf("image %s: the MD5 of what came is %s, the server says %s; nothing of it is kept", g.img.ID, sum, g.img.Checksum)
	}
	return nil
}

func (g *getting) meter(label string, done int64) *meter {
	return newMeter(g.cmd, g.quiet, path.Base(label), g.img.Size, done)
}

// note tells what happens, without being asked.
func (g *getting) note(format string, args ...any) {
	if !g.quiet {
		fmt.Fprintf(g.cmd.ErrOrStderr(), "visorfs: %s\n", printable(fmt.Sprintf(format, args...)))
	}
}
