package visserver

import (
	"crypto/md5"
	"io"
)

const (
	copyBytes   = 256 << 10 // large enough to make system calls cheap
	copyBuffers = 4         // lets hashing fall behind writing for a moment
)

// bodyError is a failure of the sender, as opposed to one of the store.
type bodyError struct{ cause error }

func (e *bodyError) Error() string { return "request body: " + e.cause.Error() }
func (e *bodyError) Unwrap() error { return e.cause }

// copyHashed copies src to dst and returns the size and MD5 of what it copied.
// Hashing is the slowest part, so it runs beside reading and writing; see
// BenchmarkCopyHashed for what that gains. An error of src is a *bodyError.
func copyHashed(dst io.Writer, src io.Reader) (size int64, sum []byte, err error) {
	free := make(chan []byte, copyBuffers)
	full := make(chan []byte, copyBuffers)
	hashed := make(chan []byte)
	for range copyBuffers {
		free <- make([]byte, copyBytes)
	}
	go func() {
		hash := md5.New()
		for buf := range full {
			hash.Write(buf)
			free <- buf[:copyBytes]
		}
		hashed <- hash.Sum(nil)
	}()
	for err == nil {
		buf := <-free
		var n int
		n, err = readFull(src, buf)
		full <- buf[:n]
		// The hasher may return buf before it is written, but nobody takes it until then.
		if _, writeErr := dst.Write(buf[:n]); writeErr != nil {
			err = writeErr
		}
		size += int64(n)
	}
	close(full)
	sum = <-hashed
	if err == io.EOF {
		err = nil
	}
	return size, sum, err
}

// readFull fills buf. Unlike io.ReadFull it returns a plain io.EOF at the end of
// src: a body cut short is told from a whole one by io.ErrUnexpectedEOF.
func readFull(src io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) {
		m, err := src.Read(buf[n:])
		n += m
		if err == io.EOF {
			return n, io.EOF
		}
		if err != nil {
			return n, &bodyError{err}
		}
	}
	return n, nil
}
