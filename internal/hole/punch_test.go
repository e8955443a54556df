package hole

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatWasPunchedIsZerosAndTheRestStays(t *testing.T) {
	const size = 20_000
	for _, r := range []struct{ off, n int64 }{{0, 4096}, {100, 50}, {100, 12_000}, {4096, 8192}, {16_000, 4000}, {19_000, 5000}} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat([]byte("x"), size)
		if _, err := f.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := Punch(f, r.off, r.n); err != nil {
			t.Fatal(err)
		}
		clear(want[r.off:min(r.off+r.n, size)])
		if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes from %d on: %v, or other bytes than expected", r.n, r.off, err)
		}
		_ = f.Close()
	}
}
