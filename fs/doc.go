// Package fs mounts a VIS repository as a directory.
//
// # Nodes
//
// There are two kinds of nodes. A [dirNode] is a directory of the catalog's tree; an
// [imageNode] is an image, or a file that will become one. Their FUSE methods
// translate: decode the request, call one method of a lower room (catalog, cache,
// visclient), map the error, encode the reply. What exists under which name is the
// catalog's word alone; an imageNode remembers its id, a dirNode nothing: its path is
// where it hangs in the tree of nodes, and goes with it when it or one above is renamed.
// An image's inode number is a hash of its id, so it is the same after a remount.
//
// # Writing
//
// A file that is open for writing has one [draft], whatever the number of handles.
// The draft streams what is written to the server as it comes, in order, in bounded
// memory. The FLUSH that close(2) sends ends the upload, waits for the server's
// reply and returns the outcome, so close() tells the truth. While a draft is open
// its path leads to its node, although the catalog may not know of it yet.
//
// # Renaming
//
// The server has no directories and renames one image at a time. What takes several
// requests is done in an order that loses nothing, and undone when a part fails; the
// catalog shows it in one step ([volume.moveImage], [volume.renameDir]).
//
// # Errors
//
// One table maps errors to errno ([volume.errno]), and there each failed operation
// is logged, once. A kernel that interrupts a request gets EINTR when the work was
// really dropped, and only then.
//
// # Locks
//
// In the order they may be taken: draft.turn (held across I/O, waiting for it ends
// with the request), imageNode.mu, draft.mu, volume.mu, the catalog's. All but the first
// are held for moments only.
//
// # Deadlock
//
// The program must not touch its own mountpoint once it is mounted.
package fs
