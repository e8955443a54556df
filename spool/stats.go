package spool

// Stats tells what a [Dir] holds, in bytes.
type Stats struct {
	Used  int64 `json:"used_bytes"`  // of this process's files
	Lost  int64 `json:"lost_bytes"`  // of lost+found, as far as it is known
	Limit int64 `json:"limit_bytes"` // of both together
}

// Stats returns the figures as they are now.
func (d *Dir) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{Used: d.used, Lost: d.lost, Limit: d.max}
}
