// Package catalog turns a flat repository of named images into a tree of files,
// and keeps that tree fresh.
//
// A [Tree] is one listing of the repository as directories and files. It never
// changes once built, so whoever holds one sees a consistent picture. Every image
// has exactly one path in it, whatever its name:
//
//   - a '/' in a name makes directories: "debian/12/base.iso";
//   - of several images with one name the oldest has the plain path, the others
//     get a '~' and the first digits of their id before the extension;
//   - an image whose path is a directory for others moves aside the same way;
//   - a name that cannot be a path is shown in the root, percent-encoded, with
//     such a suffix.
//
// [NewTree] alone says who gets which path. An [edit] makes a changed tree from another one
// at a cost that hardly grows with it, where it is settled that no other image has to move,
// and it is then the tree that NewTree would make.
//
// A [Catalog] holds the current tree. It asks the server for a listing when the
// tree is older than its time to live, once for all who ask at that moment. While it is
// in use it does so in the background a little before, so that nobody waits, and it tells
// who watches what has changed ([Catalog.Watch]). The trees are compared only where images
// differ. A catalog takes local changes ([Catalog.Put], [Catalog.Replace], [Catalog.Remove], [Catalog.MoveDir])
// at once. A listing that was under way during a local change does not undo it, and one
// during several steps ([Catalog.Steady]) does not show what lies between. Where the server
// gives lists an ETag, one that did not change is not sent again.
//
// The catalog also knows images beyond its listing: those that were asked for by their
// ids ([Catalog.Find]), and the server's answers to queries ([Catalog.List], [Catalog.Lookup]),
// each as a [Flat] directory. They are as fresh as the listing, asked for once for all who wait,
// and bounded in number. What this mount deletes is taken out of the answers; after any
// other change of an image only the server can tell whether it belongs to an answer, so that is asked
// for anew. What an answer says that the tree cannot know yet goes into the tree.
//
// Directories without an image live in the catalog alone: those of [Catalog.Mkdir], and
// those that [Catalog.Hold] keeps for files which are not registered yet. A directory
// goes with its last image. One that went through a local change is not listed any more,
// but is found by its path for some seconds, so that what empties a directory and then
// removes it, as rm -r does, succeeds.
package catalog
