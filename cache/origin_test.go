package cache

import (
	"testing"
	"testing/synctest"
)

// Whoever goes on when the ranges are known, but before the request that found out has made its
// body the one for all, would ask for another.
func TestOthersWaitUntilTheFirstAnswerIsTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o origin
		if asks, err := o.awaitTurn(t.Context()); !asks || err != nil {
			t.Fatalf("the first: %t, %v", asks, err)
		}
		o.learn(true)
		waited := false
		go func() {
			if asks, err := o.awaitTurn(t.Context()); asks || err != nil {
				t.Errorf("another: %t, %v", asks, err)
			}
			waited = true
		}()
		synctest.Wait()
		if waited {
			t.Error("another did not wait")
		}
		o.answered()
		synctest.Wait()
		if !waited {
			t.Error("another waits still")
		}
	})
}
