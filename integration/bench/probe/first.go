package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const firstBytes = 4 << 10

func firstRead(args []string) error {
	if err := arguments(args, 1); err != nil {
		return err
	}
	buf := make([]byte, firstBytes)
	start := time.Now()
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	if _, err := file.ReadAt(buf, 0); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	fmt.Println(time.Since(start).Microseconds())
	return nil
}

func firstRequest(args []string) error {
	if err := arguments(args, 1); err != nil {
		return err
	}
	buf := make([]byte, firstBytes)
	start := time.Now()
	if err := fetch(http.DefaultClient, args[0], 0, buf); err != nil {
		return err
	}
	fmt.Println(time.Since(start).Microseconds())
	return nil
}

// fetch fills buf with the bytes at an offset.
func fetch(client *http.Client, url string, offset int64, buf []byte) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(buf))-1))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("%s: %s where 206 was expected", url, resp.Status)
	}
	_, err = io.ReadFull(resp.Body, buf)
	return err
}
