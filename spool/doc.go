// Package spool keeps the bytes of files that are being written on the local disk, until
// the server has them, and after that as copies for as long as there is room.
//
// # Model
//
// A [Dir] is one directory, with a bound on the bytes of this process's files in it. A
// [File] is a sparse file and a map of its extents: which of its bytes are written, and
// which of those are zeros that need no room. It has no size; what is not written is
// nobody's business here.
//
//   - [File.WriteAt], [File.Zero] and [File.Truncate] change it. What fails has changed
//     nothing of what was there, and says [ErrNoRoom] when room is what it lacked.
//   - [File.Extent] tells what is written, and [File.ReadAt] reads that.
//   - It ends in one of two ways. [File.Close] removes it, and [File.Lose] moves it to
//     lost+found, for somebody who wants the bytes that the server didn't take.
//   - [File.Stored] says that the server has the bytes, so that a kill leaves nothing, and
//     [File.Unlink] takes the name away once nobody will write. [File.Keep] lets it go when
//     others need the room, the one first that wasn't read for the longest time.
//
// # Files
//
// The directory belongs to the user alone, and may be shared by several processes. A file's
// name is the image's path, made safe, a number that makes it unique, and .spool, or .stored.
// Its process holds a flock on it. Those that nobody has locked are of a process that was
// killed: [Open] removes them if they were stored, and moves them to lost+found otherwise. It
// leaves alone files with other names.
//
// What of a file is not written or is zeros is a hole, also after a write that failed in
// the middle. Where the filesystem can't punch holes, zeros are written, and take room.
// Nothing is synced: a crash of the machine is not what this is for.
//
// # Room
//
// Counted are bytes of data, once however often they are written, and what lost+found takes
// on the disk: when it is opened, and again before a write is refused. The filesystem's own
// needs aren't: single bytes far from each other take a block each. A disk that is full is
// treated like a bound that is reached.
//
// # Locking
//
// [File].writing is held over each change of a file, with its I/O. [File].mu is held for
// writing over changes of the extents, and of bytes that are written, except by WriteAt;
// readers share it over a read. So a read runs beside a write, and Close waits for both.
// Dir.evicting is held while room is made, by somebody who has no lock of a file.
//
// The order is Dir.evicting, File.writing, File.mu, Dir.mu. Dir.mu is never held over I/O.
//
// # Limits
//
// Memory grows with the runs of a file, some 50 bytes for each. A filesystem that takes a
// write and loses it later, as NFS may at its close, isn't noticed. One without sparse files
// takes more than is counted.
package spool
