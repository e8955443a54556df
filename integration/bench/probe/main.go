// Command probe is what the benchmarks need beside standard tools: test data, and
// measurements that are not blurred by the start of a program.
//
//	probe make FILE BYTES      write a file of random bytes, always the same, and print its MD5
//	probe tree DIR             make a tree of 10,000 files, always the same
//	probe first FILE           print the microseconds of open, pread of 4 KiB, close
//	probe firsthttp URL        the same with a request for a range, on a new connection
//	probe rand [flags] URL     read at random with requests for ranges; print IOPS, p50 and p99
//	probe fill [flags] URL IMAGES  register images without data at a VIS server
//	probe browse DIR           look at every file as file managers do; print their number
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{
		"make": makeFile, "tree": makeTree, "first": firstRead, "firsthttp": firstRequest, "rand": randomRequests,
		"fill": fill, "browse": browse,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: probe make|tree|first|firsthttp|rand|fill|browse ARGUMENT...")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// arguments refuses another number of arguments than wanted.
func arguments(args []string, want int) error {
	if len(args) != want {
		return fmt.Errorf("%d arguments, want %d", len(args), want)
	}
	return nil
}
