// Package cache reads large immutable objects through memory, and a disk below it.
//
// # Model
//
// An object is known by its [Key] and size. What is cached is known by its content alone,
// so that objects of the same bytes share it. Bytes are cut into pages of 4 KiB and chunks
// of 128 KiB. Whoever wants some asks the [Cache] for the object's [Reader] and calls
// [Reader.ReadAt] or, without a copy, [Reader.View]. Each chunk of a read comes from the
// first of these that has it:
//
//   - memory: whole chunks, and pages of others; bounded in bytes over all objects, least
//     recently used out first, but chunks that a pass over a large object leaves behind
//     before those (passed.go);
//   - the disk, if there is one (tier.go, and package disk);
//   - a running stream that is about to pass the chunk: the read waits for it;
//   - a new stream, or a fetch.
//
// A stream (stream.go) is one open body that moves forward. It stores each whole chunk as
// it passes and hands it to those who wait for it; they hold the chunk itself, so they get
// it even where memory can't keep it. It has its own context and goroutine, and outlives
// the read that started it. A fetch (fetch.go) is one request for just the pages that a
// random read misses, made by the goroutine that reads. Who wants what is on its way waits
// for it instead of asking again.
//
//   - A read that goes on where another ended, or begins at the start, belongs to a run
//     (run.go), and starts a stream to the end of the object. That goes ahead of its furthest
//     reader by a window that doubles as it is read, and pauses there: it leaves the rest in
//     the body. It stops where it would only repeat what is there or on its way.
//   - Where a round trip is long, or a connection slow, a run gets lanes (lanes.go): streams
//     side by side, each over a segment ahead of the reader. How many is found by trying:
//     twice as many are kept if the rate rises.
//   - Any other read is random. Over a long link, if such reads are near each other, what
//     lies around them is swept up by lanes (sweep.go), as long as it turns out to be read.
//   - A source without ranges sends everything from byte 0, whatever it is asked. That is
//     found out once per Cache, by the first request; others wait for its answer
//     (origin.go). From then on each stream is a pass over the whole object, and reads wait
//     for a pass that is still before their chunk.
//
// A pass over a whole object is compared with its MD5, if that is known (verify.go): the
// last chunk isn't handed out before it is known to be right.
//
// A stream ends at its end, when nobody has wanted anything of it for the idle time, when
// there are too many of them, or with the last Close of its Reader. A body that breaks or
// is short is opened again at the next missing byte, a few times; then those who wait get
// the error, and so do those who ask for the same a moment later; then a read tries again.
//
// The bytes of a content never change, so nothing is ever invalidated, only evicted, or
// dropped when they turn out to be wrong.
//
// # Memory
//
// Chunks are buffers of a pool outside the garbage collector's heap, counted by those who
// hold them (chunk.go). The bound is on all that are lent, those of streams and replies
// too: what is kept gives way. Pages are in the heap, and get a quarter of the memory.
//
// # Locking
//
// [Reader].mu guards the streams, fetches, waits and runs of one object. verifier.mu guards
// its pass. Cache.mu guards the table of open readers; memory.mu the chunks, origin.mu what
// is known of the source. memory.mu and origin.mu may be taken while Reader.mu or
// verifier.mu is held; no other two are held together. None is held across an open, a
// body's Read, a disk's or a wait.
package cache
