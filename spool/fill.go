package spool

import "os"

var zeroBytes [64 << 10]byte

// fill writes zeros.
func fill(f *os.File, off, end int64) error {
	for off < end {
		n, err := f.WriteAt(zeroBytes[:min(end-off, int64(len(zeroBytes)))], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
