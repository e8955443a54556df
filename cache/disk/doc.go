// Package disk keeps bytes of large immutable objects in a directory.
//
// # Model
//
// An object is known by a name of its content, and its size. Its bytes come in any order,
// in pages of 4 KiB, and are there again after a remount or a kill. A [Store] is one
// directory of objects, used by one process; it has a bound on the bytes of its files.
//
//   - [Object.WriteAt] adds pages. It never fails: what can't be kept isn't there.
//   - [Object.ReadAt] gives bytes if all that are asked for are there and right.
//   - To make room, chunks of 32 pages (128 KiB) are given back to the filesystem, the least
//     recently used of all objects first.
//
// A page is present once it was written. It is believed by the process that wrote it, or has
// read all of it and found its checksum right; other processes, and this one until then,
// check it with the first read that meets it. If a checksum is wrong, or the disk can't
// read, the chunk is discarded, and its bytes are missing like any others.
//
// An object of which the caller knows that all bytes together are right can be marked as
// verified; the mark ends with the first byte that is lost. One that is whole, verified
// and believed can be given out as a file, see [Object.Backing].
//
// # Files
//
// The directory belongs to the user alone, and has a marker, visorfs-cache, whose lock says
// that a process uses it. A directory with files but no marker is refused. Each object has
// two sparse files, named by a hash of its content's name:
//
//   - .data has as many bytes as the object, each at its place. Pages of zeros, and missing
//     ones, are holes.
//   - .index begins with a page that has the content's name, the size, whether it is
//     verified, and a checksum. Then come, for every 256 chunks (32 MiB, a segment), one
//     page of their records and eight of checksums. A record says which pages of a chunk are
//     present, which of those are zeros, and when it was last used, and has a checksum of its
//     own. A page's checksum is the CRC32C of its bytes, mixed with its number and the
//     content's name, so that a page at another's place isn't taken for it.
//
// Numbers are little-endian. All zeros means that nothing is there.
//
// What must be there first is written first: bytes, their checksums, the record. What is
// lost goes in the other direction. So a kill at any moment leaves at most bytes without a
// record. [Open] gives them back where a file has noticeably more than its records tell,
// and until a page is written nobody reads them. Nothing is synced. After a loss of power,
// records may tell of bytes that never came to the disk; their checksums tell otherwise.
//
// [Open] removes files that a kill left with nothing in them. It warns of what is damaged, and
// removes that: files of the wrong length or with a wrong header, and chunks whose records
// are. It leaves alone files with names that it wouldn't give.
//
// # Memory
//
// A chunk takes 16 bytes of memory, in segments that exist where an object has something: 13
// MB for 100 GiB. Checksums are read when they are needed. The index isn't mapped: writes to
// a map can't fail when the disk is full, they kill the process.
//
// # Eviction
//
// Each chunk has the time of its last use, in tenths of a second; a read only stores it. Who
// needs room and has no list of candidates looks at all chunks and lists the 4096 that are
// oldest. They go one by one, unless they were used since. That is exact: others were
// younger at the time of the look, and nothing gets older. Times are written with the
// records, when a chunk is written and when its object is closed.
//
// Where the filesystem can't give back a part of a file, whole objects go, the one first
// of which no chunk was used for the longest time, and never for a write of their own.
//
// Room is taken before a write, for the most that it can need, so the bound holds at
// every moment. It counts pages of data that aren't zeros, and pages of the index, not
// what the filesystem needs for itself.
//
// # Locking
//
// [Object].mu is held over each change of an object's files: one write or eviction at a
// time. Readers don't take it. They share one of a few locks by chunk, reading, which is
// held over the read, and exclusively over the removal of a chunk; a write needs none, as
// pages are shown to readers when they are there. evictor.mu is held while room is made.
//
// The order is evictor.mu, Object.mu, reading, Store.mu, room.mu. Store.mu and room.mu are
// never held over I/O.
//
// # Limits
//
// A smaller bound is obeyed before Open returns, chunk by chunk: some 50 microseconds each.
//
// A disk that accepts a write, loses it later, and says so to nobody isn't noticed by the
// process that wrote: it believes what it wrote. On filesystems with blocks of more than
// 4 KiB single pages take more than they are counted for; whole chunks don't. A file that
// [Object.Backing] gave out and whose object was then dropped isn't counted any more, and
// takes space until it is released.
package disk
