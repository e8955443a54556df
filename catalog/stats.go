package catalog

import "time"

// Stats tells what a [Catalog] has, and how it came by that.
type Stats struct {
	Images   int           `json:"images"`
	Listings int64         `json:"listings"` // that were asked for, and are over
	Failures int64         `json:"failures"` // of those
	Age      time.Duration `json:"age_ns"`   // since the last good one was asked for; 0 when there is none
}

// Stats returns the figures as they are now. It asks the server nothing.
func (c *Catalog) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Images: len(c.images), Listings: c.listings, Failures: c.failures}
	if !c.fetched.IsZero() {
		s.Age = time.Since(c.fetched)
	}
	return s
}
