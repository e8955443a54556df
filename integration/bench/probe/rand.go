package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load is a number of readers that each fetch one random block after another, on a
// connection of their own: what a mount could do at best with one request per read.
type load struct {
	url     string
	size    int64 // bytes of the file
	block   int64
	readers int
	runtime time.Duration
	client  *http.Client
}

func randomRequests(args []string) error {
	var l load
	flags := flag.NewFlagSet("rand", flag.ExitOnError)
	flags.Int64Var(&l.size, "size", 1<<31, "`BYTES` of the file")
	flags.Int64Var(&l.block, "block", 4096, "`BYTES` of a read")
	flags.IntVar(&l.readers, "readers", 1, "readers at once")
	flags.DurationVar(&l.runtime, "for", 5*time.Second, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := arguments(flags.Args(), 1); err != nil {
		return err
	}
	l.url = flags.Arg(0)
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.readers}}

	start := time.Now()
	took, err := l.run()
	if err != nil {
		return err
	}
	elapsed := time.Since(start).Seconds()
	slices.Sort(took)
	fmt.Printf("%.1f %.1f %.1f\n", float64(len(took))/elapsed, at(took, 0.50), at(took, 0.99))
	return nil
}

// run returns how long each read took.
func (l *load) run() ([]time.Duration, error) {
	took := make([][]time.Duration, l.readers)
	errs := make([]error, l.readers)
	var all sync.WaitGroup
	for i := range l.readers {
		all.Go(func() { took[i], errs[i] = l.read() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return slices.Concat(took...), nil
}

func (l *load) read() ([]time.Duration, error) {
	var took []time.Duration
	buf := make([]byte, l.block)
	end := time.Now().Add(l.runtime)
	for start := time.Now(); start.Before(end); start = time.Now() {
		offset := rand.Int64N(l.size/l.block) * l.block
		if err := fetch(l.client, l.url, offset, buf); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// at returns a quantile of what is sorted, in microseconds.
func at(sorted []time.Duration, quantile float64) float64 {
	return float64(sorted[int(quantile*float64(len(sorted)-1))].Nanoseconds()) / 1e3
}
