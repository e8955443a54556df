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
// Uploads are bounded in number, size, and in how long their client may be silent,
// see [Options]. [Server.Close] ends those that run and waits until nothing is left
// of them.
//
// # Images stored elsewhere
//
// An image may be registered by the location of its data, a file:/// URL, if the
// operator allows it: see [Options].Locations. Such a file is opened by each read,
// through the directory that is allowed, so that no symbolic link leads out of it.
// It belongs to somebody else: the server never writes or removes it, knows its size
// at registration but no checksum, and takes size and time of change for its ETag.
//
// # Who may do what
//
// Every request but GET /status is signed, see [Options].Users, and its Date must
// be near the server's clock, see [Options].DateSkew. Users see their own images
// and everybody's public ones; to others a private image does not exist. Only its
// owner may change or remove an image.
//
// # Differences from the original server
//
// The wire format is that of the original VIS. Where that one breaks its own
// documentation this one keeps it: lists include the public images of others,
// rights are enforced, refused requests change nothing, replies come when the
// data are safe, and files are served with Content-Length, ETag and ranges
// (unless Options.IgnoreRange asks for the original's way). Further:
//
//   - Lists have an ETag, and a client that has the list already is answered 304. The ETag
//     changes with every change of a record and with each run of the server, not with reads.
//   - A request with a Date that is missing, no time, or far off is refused with 403,
//     unless Options.DateSkew is negative. The original takes any, for ever.
//   - Locations are refused with 400 unless Options.Locations allows them, and http
//     and https ones always. The original takes any, lets users read any file
//     of the server so, and DELETE remove it.
//   - Replies are XML if Accept prefers application/xml to JSON by its q-values, else
//     JSON. They say which in Content-Type, where the original copies Accept. The XML
//     has the original's elements; its escapes are those of [encoding/xml]. The
//     name of a custom attribute that no element can have, as 3d, becomes _x0033_d.
//   - There are answers that the original never gives: 405, 408 (no data came),
//     409 (uploads and removals of one image at once), 412, 413 (too large),
//     503 (too many uploads, or the end of the server), 507.
package visserver
