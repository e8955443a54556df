package fs

// processOf returns the process behind a request: macOS sends that, not the thread.
func processOf(pid int) int { return pid }

// killed reports true: macOS interrupts a request only when its process is going away.
func killed(int) bool { return true }
