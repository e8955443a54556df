// Package visclient speaks to a VISOR Image System (VIS), a REST service that
// keeps virtual machine images.
//
// A [Client] has one method per operation of the service, named as in the
// original Ruby client: [Client.HeadImage], [Client.GetImages],
// [Client.GetImagesDetail], [Client.GetImage], [Client.PostImage],
// [Client.PutImage], [Client.DeleteImage] and [Client.DeleteByQuery]. Each
// request is signed with the user's secret key. A client is safe for concurrent
// use and keeps its connections.
//
// # Connections
//
// Requests without a body go over HTTP/1.1 connections that the client keeps, and that
// the caller's goroutine writes and reads itself: a small read costs little more than
// its way. Uploads, and whatever the environment wants sent through a proxy
// ([net/http.ProxyFromEnvironment]), are left to net/http.
//
// # Waiting
//
// Options.Timeout bounds how long an operation goes without an answer, all
// retries included; it then fails with [ErrTimeout]. A download or upload may
// take as long as it needs while bytes move. Whatever can be repeated without
// harm (HEAD, GET, DELETE, a change of metadata) is repeated with growing, jittered
// pauses when the network or the server has a passing fault.
//
// # Uploads that break
//
// A POST, and a PUT of data, is sent again only when it is known that the server did not
// carry it out. As long as the end of the body was not handed to the connection, it did
// not. After that an upload without a proper reply is followed by a question: a PUT by a
// HEAD of the image, a POST by a list of the user's images of that name. When the server
// has what was sent, that is the result. Otherwise it is given a moment to finish,
// what it left half-made is deleted, and the body is sent again if it is an [io.Seeker]
// that can go back to where it stood. An upload that fails has left nothing, unless
// its error says that the server could not be asked. [MayPass] tells whether it is worth
// while to come again with another body.
//
// Options.Timeout is how long the server may be away, taking no byte. One that takes
// bytes is sent them again for as long as each try comes further than those before, then
// for the timeout, and at least three times. A call that is cancelled when the server has
// all of the body asks for two seconds at most, and takes the image back.
//
// # Errors
//
// Every error of an operation is an *[Error], which says which operation on which
// image failed, and why. Its kind is found with [errors.Is]: [ErrInvalid],
// [ErrNotFound], [ErrConflict], [ErrForbidden], [ErrTooLong], [ErrTooLarge],
// [ErrNoSpace], [ErrInternal], [ErrTimeout], [ErrMismatch]. ErrNotFound also is [io/fs.ErrNotExist], and
// ErrForbidden is [io/fs.ErrPermission].
//
// # Trust
//
// An upload is successful when the server's reply names the size and the MD5 of
// the bytes that were sent, and a change when it names the attributes that were sent;
// anything else is ErrMismatch. Redirects are not
// followed, so a signature never reaches another host.
//
// # The original server
//
// The Ruby server of 2012 tells itself apart by its replies ([Client.IsOriginal]). The
// client lives with its ways: it does not use a connection again that this server is
// about to close, refuses values that it would change, cut or break over, and lists
// images one by one when one broken record spoils the list.
package visclient
