// Package visserver is a VISOR Image System (VIS) server: one [http.Handler]
// over one directory.
//
// # Model
//
// A repository holds records and files. A record is a [meta.Image]; the data of
// an image in state available are one file. They live in Options.Dir:
//
//	visor.db      the records, a bbolt database: id -> JSON
//	images/ID     the data of the image ID
//	incoming/*    uploads that have not ended
//
// All records are in memory too, as values that nobody changes once they are
// shared: reads and lists never touch the database. Every change goes through
// one goroutine, which computes the new record from the present one, commits it
// together with whatever else waits, and only then shows it. So changes of one
// record cannot lose each other, nobody sees what a crash could take back, and
// many writers share one fsync.
//
// # Uploads
//
// Data arrive in incoming/, are synced, renamed to images/ID, and become part of
// the image in the one transaction that makes it available. A crash or a client
// that hangs up therefore leaves at most a file without a record, which [New]
// deletes. While data arrive the image shows the status uploading, in memory
// only: no crash can leave an image stuck in it.
//
// An upload and a removal claim their image, so that there is one of them at a
// time; a second one is refused with 409 at once. Metadata may change meanwhile.
//
// # Who may do what
//
// Every request but GET /status is signed, see [Options].Users. Users see their
// own images and everybody's public ones; to others a private image does not
// exist. Only its owner may change or remove an image.
//
// # Differences from the original server
//
// The wire format is that of the original VIS. Where that one breaks its own
// documentation this one keeps it: lists include the public images of others,
// rights are enforced, refused requests change nothing, replies come when the
// data are safe, and files are served with Content-Length, ETag and ranges
// (unless Options.IgnoreRange asks for the original's way). It stores files
// itself: registering one that lies elsewhere, by location, is refused. Replies
// are JSON whatever Accept says.
package visserver
