package visserver

import (
	"bytes"
	"crypto/md5"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"
)

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(data)
	return data
}

func TestCopyHashedCopiesAndHashesEverySize(t *testing.T) {
	for _, size := range []int{0, 1, copyBytes - 1, copyBytes, copyBytes + 1, 3*copyBuffers*copyBytes + 5} {
		data := randomBytes(size)
		var dst bytes.Buffer
		n, sum, err := copyHashed(&dst, iotest.HalfReader(bytes.NewReader(data)))
		want := md5.Sum(data)
		if err != nil || n != int64(size) || !bytes.Equal(sum, want[:]) || !bytes.Equal(dst.Bytes(), data) {
			t.Errorf("%d bytes: copied %d, sum %x, error %v", size, n, sum, err)
		}
	}
}

func TestCopyHashedTellsSenderFromStore(t *testing.T) {
	_, _, err := copyHashed(io.Discard, iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, ok := errors.AsType[*bodyError](err); !ok {
		t.Errorf("failing sender: %v, want a *bodyError", err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	_, _, err = copyHashed(full, bytes.NewReader([]byte("x")))
	if got := refusalOf(err).Code; got != 507 {
		t.Errorf("full disk: %v is answered %d, want 507", err, got)
	}
}

// BenchmarkCopyHashed compares with hashing in line, into a file.
func BenchmarkCopyHashed(b *testing.B) {
	data := randomBytes(256 << 20)
	run := func(name string, copy func(io.Writer, io.Reader) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				file, err := os.CreateTemp(b.TempDir(), "")
				if err != nil {
					b.Fatal(err)
				}
				if err := copy(file, bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
				_ = file.Close()
				_ = os.Remove(file.Name())
			}
		})
	}
	run("beside", func(dst io.Writer, src io.Reader) error {
		_, _, err := copyHashed(dst, src)
		return err
	})
	run("in-line", func(dst io.Writer, src io.Reader) error {
		hash := md5.New()
		_, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(dst, hash)}, struct{ io.Reader }{src}, make([]byte, copyBytes))
		return err
	})
}
