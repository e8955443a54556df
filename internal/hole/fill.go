package hole

import "os"

var zeros [64 << 10]byte

// Fill writes zeros over the bytes [off, end) of a file.
func Fill(f *os.File, off, end int64) error {
	for off < end {
		n, err := f.WriteAt(zeros[:min(end-off, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
