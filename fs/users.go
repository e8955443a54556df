package fs

// User is who keeps a mount in use: a program with a file of it open, or with its working
// directory there, or a loop device.
type User struct {
	Program string // its name, like "cp" or "loop0"
	Process int    // 0 for a loop device
	Path    string // of the file, absolute
	Writing bool   // the file is open for writing
}
