// Package original is a server that plays the VISOR Image System (VIS) of 2012,
// with all its ways, so that clients can be tested against what users meet.
// The default server, package visserver, keeps what VIS promised; this one keeps
// what VIS did. It is meant for tests: like its model it lets every user read,
// change and delete everything, files of the machine included.
//
// # The model: three servers in one
//
// The original was three programs, and most of its ways are seams between them.
// Each has its part here, and [Server.SetMetaDown] and [Server.SetAuthDown] switch
// off two of them:
//
//	VIS   connections, routes, uploads, files     conn.go, route.go, get.go, post.go, …
//	VMS   the records, as rows of a MySQL table   metaservice.go, meta*.go, row.go, others.go, sql*.go
//	VAS   users and their secret keys             auth.go
//
// A request passes, in this order:
//
//	head.go, conn.go   bytes to a request whose header names keep their spelling
//	body.go            the whole body to a temporary file, before anything is judged
//	route.go           path and method to a handler
//	auth.go            the signature
//	post.go, …         what the original's route of that name did, step by step
//	render.go          the result as JSON, XML or a dump of Ruby objects
//	reply.go           header fields in the order of the original
//
// An error is a [failure] of some kind. Which kinds a route turns into a status
// is its [rescues] table, as it was the list of rescue clauses in Ruby; any other
// kind is an exception nobody caught: status 500 and {"error":…}.
//
// # Values pasted into SQL
//
// VMS built its statements by pasting values between quotes. So does this
// package: sql.go reads the statement back as MariaDB would, which is where the
// swallowed backslashes, the 503 for an apostrophe and the injections come from.
// It knows lists of values, assignments, and conditions of =, AND, OR and
// parentheses; any other SQL is answered as a syntax error.
//
// # Uploads
//
// The reply to an upload comes when the record says available, before the file
// is in place: a copier (see copy.go) moves it in blocks of 64 KiB afterwards, and
// keeps back a last block that is shorter than 8 KiB until a garbage collection.
// Of the two things that were seen to go with it, time and further requests, this
// server takes time alone, Options.CollectAfter, for tests can wait for that.
// [Server.Shutdown] ends the copies as an orderly exit of Ruby did; [Server.Close]
// is a kill, which loses what has not been written.
//
// # What persists
//
//	Dir/records.json   the rows, replaced as a whole with every change
//	Dir/store/         the image files, ID.FORMAT
//	Dir/tmp/           uploads that are arriving, unlinked: they end with their request
//
// accessed_at and access_count, which every read changes, are written along with
// the next other change and by Shutdown.
//
// # Limits of the play
//
// Locations of http:// are fetched from loopback addresses only; elsewhere there
// is never anything. S3 and its kin fail as they did where their library was
// missing. A GET is written as fast as the client reads, not buffered whole in
// memory, and stalls nobody else. At most 1024 connections are served at a time.
package original
