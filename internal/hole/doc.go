// Package hole gives ranges of files back to the filesystem.
package hole
