package fs

// processOf returns the process behind a request: macOS sends that, not the thread.
func processOf(pid int) int { return pid }

// endsBySignal is assumed of every interrupted request, and dying of none: macOS does
// not show which signals are pending.
func endsBySignal(int) bool { return true }
func dying(int) bool        { return false }
