package original

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"net/http/httputil"
	"os"
)

// upload is the body of a POST or PUT: a temporary file and what is known of it.
type upload struct {
	file *os.File
	size int64 // bytes
	md5  stdhash.Hash
}

// checksum is the MD5 of the body, in hex.
func (u *upload) checksum() string { return hex.EncodeToString(u.md5.Sum(nil)) }

// take hands the file over to somebody who will close it.
func (u *upload) take() *os.File {
	file := u.file
	u.file = nil
	return file
}

// drop closes the file, unless it was taken. It may be called on nil.
func (u *upload) drop() {
	if u != nil && u.file != nil {
		_ = u.file.Close() // nothing was written that matters
	}
}

// readBody reads the whole body of a request. Bodies of requests that have none by
// rights are dropped.
func (s *Server) readBody(req *request, in *bufio.Reader) error {
	var body io.Reader
	switch {
	case req.chunked:
		body = httputil.NewChunkedReader(in)
	case req.length > 0:
		body = io.LimitReader(in, req.length)
	default:
		return nil
	}
	if req.method != "POST" && req.method != "PUT" {
		n, err := io.Copy(io.Discard, body)
		return bodyEnd(req, in, n, err)
	}
	got, n, err := spool(body, s.tmpDir)
	if err == nil {
		err = bodyEnd(req, in, n, nil)
	}
	if err != nil {
		got.drop()
		return err
	}
	req.body = got
	return nil
}

// spool copies a body to a temporary file. A body without a byte makes none.
func spool(body io.Reader, dir string) (u *upload, n int64, err error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(body, first); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return nil, 0, err
	}
	file, err := os.CreateTemp(dir, "visor-image*")
	if err != nil {
		return nil, 0, err
	}
	// Unlinked at once: so no end of the process leaves it behind.
	u = &upload{file: file, md5: md5.New()}
	if err := os.Remove(file.Name()); err != nil {
		return u, 0, err
	}
	u.md5.Write(first)
	if _, err := file.Write(first); err != nil {
		return u, 0, err
	}
	n, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(file, u.md5)}, body, make([]byte, blockBytes))
	u.size = n + 1
	return u, u.size, err
}

// bodyEnd checks that a body came whole and reads the trailer of a chunked one.
func bodyEnd(req *request, in *bufio.Reader, got int64, err error) error {
	if err != nil {
		return err
	}
	if !req.chunked {
		if got < req.length {
			return fmt.Errorf("body of %d bytes ends after %d", req.length, got)
		}
		return nil
	}
	for size := 0; size < maxHeadBytes; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= len("\r\n") {
			return nil
		}
		size += len(line)
	}
	return errHeadTooLong
}
