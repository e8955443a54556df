// Package cache reads large immutable objects through memory.
//
// # Model
//
// An object is known by its [Key] and size and is cut into chunks of 128 KiB. Whoever
// wants bytes asks the [Cache] for the object's [Reader] and calls [Reader.ReadAt]. Each
// chunk of a read comes from the first of these that has it:
//
//   - memory: whole chunks, bounded in bytes over all objects, least recently used out first;
//   - a running stream that is about to pass the chunk: the read waits for it;
//   - a new stream.
//
// A stream is one open body that moves forward. It stores each whole chunk as it passes
// and hands it to those who wait for it; they hold the chunk itself, so they get it even
// where memory can't keep it. It has its own context and goroutine, and outlives the read
// that started it:
//
//   - A sequential read (near the start, or near where another read ended a moment ago)
//     starts a stream to the end of the object. It runs ahead of its furthest reader by a
//     window that doubles as it is read, and pauses there: it leaves the rest in the body.
//     It stops where it would only repeat what is in memory or on its way.
//   - A random read starts a stream for just the run of missing chunks that it covers.
//   - A source without ranges sends everything from byte 0, whatever it is asked. That is
//     found out once per Reader, by the first request that starts elsewhere; others that
//     start elsewhere wait for its answer. From then on each stream is a pass over the
//     whole object, and reads wait for a pass that is still before their chunk.
//
// What is written to an object's home can be put into memory on its way, see [Fill].
//
// A stream ends at its end, when nobody has wanted anything of it for the idle time, when
// there are too many of them, or with the last Close of its Reader. A body that breaks or
// is short is opened again at the next missing byte, a few times; then those who wait get
// the error, and so do those who ask for the same a moment later; then a read tries again.
//
// The bytes under a key never change, so nothing is ever invalidated, only evicted. Beside
// the bound, a live stream holds the chunk it fills and the last two that it passed, and a
// read the chunks it is copying (eight at most).
//
// # Locking
//
// [Reader].mu guards the streams and waits of one object. Cache.mu guards the table of
// open readers; memory.mu the chunks. Reader.mu may be held when taking memory.mu, and no
// other two are held together. None is held across an open, a body's Read or a wait.
package cache
