//go:build linux

package integration

import (
	"os"
	"sync"
	"testing"
	"time"
)

// What a program changes shows to it at once, also while others look at the same file all
// the time. A file that was written is another image, so that the kernel gets to know it by
// two numbers, one of which may change while it is asked for the other.
func TestChangesShowAtOnceWhileOthersLook(t *testing.T) {
	t.Parallel()
	_, m := mounted(t, "--metadata-ttl", metadataTTL.String())
	path := m.path("a.img")
	var quiet sync.RWMutex // so that the kernel goes on with the number that it has
	stop := make(chan struct{})
	var lookers sync.WaitGroup
	for range 4 {
		lookers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				quiet.RLock()
				_, _ = os.Stat(path)
				quiet.RUnlock()
			}
		})
	}
	defer lookers.Wait()
	defer close(stop)
	for round := range 10 {
		quiet.Lock()
		if err := os.WriteFile(path, random(uint64(340+round), 3000), 0o644); err != nil {
			t.Fatal(err)
		}
		quiet.Unlock()
		for until := time.Now().Add(2 * metadataTTL); time.Now().Before(until); {
			for _, mode := range []os.FileMode{0o600, 0o644} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(path)
				if err != nil || info.Mode() != mode {
					t.Fatalf("round %d: stat after a chmod to %v: %v, %v", round, mode, info, err)
				}
			}
		}
	}
}
