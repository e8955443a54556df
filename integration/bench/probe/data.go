package main

import (
	"bufio"
	"crypto/md5" //nolint:gosec // VIS's choice
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// random returns bytes that cannot be compressed and are the same in every run.
func random(name string) io.Reader {
	var seed [32]byte
	copy(seed[:], name)
	return rand.NewChaCha8(seed)
}

func makeFile(args []string) error {
	if err := arguments(args, 2); err != nil {
		return err
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	file, err := os.Create(args[0])
	if err != nil {
		return err
	}
	sum := md5.New() //nolint:gosec // VIS's choice
	out := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	if _, err := io.CopyN(out, random(filepath.Base(args[0])), size); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Println(hex.EncodeToString(sum.Sum(nil)))
	return file.Close()
}

// The tree: files like those of a system, many small ones and few large.
const (
	treeDirs    = 200
	filesPerDir = 50
	smallBytes  = 16 << 10 // a small file is shorter; 8 KiB on average
	largeEvery  = 100      // one in so many files is large
	largeBytes  = 400 << 10
)

func makeTree(args []string) error {
	if err := arguments(args, 1); err != nil {
		return err
	}
	sizes := rand.New(rand.NewPCG(1, 2))
	data := random("tree")
	for n := range treeDirs * filesPerDir {
		dir := filepath.Join(args[0], fmt.Sprintf("d%02d", n/filesPerDir%20), fmt.Sprintf("e%03d", n/filesPerDir))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		size := sizes.IntN(smallBytes)
		if n%largeEvery == 0 {
			size = largeBytes
		}
		content := make([]byte, size)
		if _, err := io.ReadFull(data, content); err != nil {
			return err
		}
		name := filepath.Join(dir, fmt.Sprintf("f%05d", n))
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
		when := time.Unix(1700000000, 0)
		if err := os.Chtimes(name, when, when); err != nil {
			return err
		}
	}
	return nil
}
