package fs

// Requests returns how many requests for data the mount has made.
func (m *Mount) Requests() int64 { return m.vol.cache.Requests() }

// logReads says where what was read came from.
func (v *volume) logReads() {
	s := v.cache.Stats()
	if s.Hits+s.Misses == 0 {
		return
	}
	v.log.Info("bytes read",
		"memory", s.MemoryBytes, "disk", s.DiskBytes, "network", s.SourceBytes,
		"fetched", s.FetchedBytes, "unread", s.UnreadBytes, "requests", s.Opens,
		"verified", s.Verified, "corrupt", s.Corrupt)
}
