// Package fs mounts a VIS repository as a directory.
//
// # Nodes
//
// There are two kinds of nodes, apart from the special directories. A [dirNode] is a directory of the catalog's tree; an
// [imageNode] is an image, or a file that will become one. Their FUSE methods
// translate: decode the request, call one method of a lower room (catalog, cache,
// visclient), map the error, encode the reply. What exists under which name is the
// catalog's word alone; an imageNode remembers its id, a dirNode nothing: its path is
// where it hangs in the tree of nodes, and goes with it when it or one above is renamed.
// An image's inode number is a hash of its id, so it is the same after a remount.
//
// # Special directories
//
// Beside the control directory the root leads to two directories that it does not list: an
// [idDir] to images by their ids, and a [queriesDir] to a [queryDir] for each query. They
// lead to the same imageNodes as the paths do, by their inode numbers, so everything works there that works on images;
// they ask the catalog, which knows images beyond its listing, and answers of the server.
// An image that is written through them is written at its path in the tree, where
// all its writers meet; one without such a path is not.
//
// # Writing
//
// A file that is open for writing has one [draft], whatever the number of handles.
// What is written goes to its [content]: a spool file over what is stored over zeros. A
// [stream] sends it to the server as it comes, as long as it comes in order; otherwise, or
// when that breaks, the commit sends the whole. The FLUSH that close(2) sends ends the
// upload, waits for the server's reply and returns the outcome, so close() tells the truth.
// Each upload is a [delivery], in a goroutine of its own: a program that is killed doesn't
// wait for it. While a draft is open its path leads to its node, although the catalog may
// not know of it yet, and who has the file open to read reads the draft.
//
// VIS takes no data for an image that has some. So a changed image is posted anew, and the
// old one deleted after that. What was uploaded stays as one of the [copies], to be read
// back without a request.
//
// # Renaming
//
// The server has no directories and renames one image at a time. What takes several
// requests is done in an order that loses nothing, and undone when a part fails; the
// catalog shows it in one step ([volume.moveImage], [volume.renameDir]).
//
// # Freshness
//
// The kernel may keep names and attributes for as long as the tree is fresh that they are
// of. What a later listing changes in them the [notifier] tells it, but it isn't relied on: when
// nothing asks for a listing, or the server is away, what the kernel keeps ends in time.
// Changes through this mount the kernel knows, but for those that an attribute makes
// ([catalog.Catalog.Announce]), and for what moves aside or is emptied, which it keeps for
// [localTTL] only.
//
// # Seeing
//
// Each request of the kernel passes [measured], which counts and times it. [Mount.Stats] puts
// that together with what the lower rooms count; the control directory ([controlDir]) shows it
// in files whose text is made when they are opened, for who mounted alone.
//
// # Ending
//
// [Mount.Stop] lets what is being written come to its end, and nothing new begin, and
// unmounts when nobody uses the mount. What takes too long is broken off: all deliveries
// end, so that commits fail as they would by the server's fault, and keep what they could
// not store; so do drafts that nobody commits.
//
// # Errors
//
// One table maps errors to errno ([volume.errno]), and there each failed operation
// is logged, once. A kernel that interrupts a request gets EINTR when the work was
// really dropped, and only then.
//
// # Locks
//
// In the order they may be taken: dirHandle.mu (held across a listing, by the one that reads
// through the handle), draft.turn (held across I/O, waiting for it ends
// with the request), readHandle.mu (held while an image is opened), imageNode.mu,
// draft.mu, content.mu (held for reading across I/O), volume.mu, the catalog's. All others
// are held for moments only.
//
// # Deadlock
//
// The program must not touch its own mountpoint once it is mounted.
package fs
