//go:build linux

package integration

import (
	"strings"
	"testing"
)

func TestWrongMountpointIsRefused(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	var table []wrong
	for _, command := range []string{"mount --url $URL", "demo"} {
		table = append(table, []wrong{
			{name: "missing", args: command + " $DIR/nowhere", code: 1, says: []string{"$DIR/nowhere does not exist", "mkdir -p"}},
			{name: "a file", args: command + " $DIR/file", file: map[string]string{"file": "x"}, code: 1, says: []string{"$DIR/file is not a directory"}},
			{name: "below a file", args: command + " $DIR/file/x", file: map[string]string{"file": "x"}, code: 1, says: []string{"not a directory", "choose"}},
			{name: "not empty", args: command + " $DIR/full", file: map[string]string{"full/file": "x"}, code: 1, says: []string{"$DIR/full is not empty (it has file)", "choose an empty directory"}},
			{name: "mounted already", args: command + " $BUSY", code: 1, says: []string{"$URL is already mounted on $BUSY", "umount $BUSY"}},
			{name: "closed", args: command + " $DIR/closed", as: "nobody", dirs: "closed", code: 1, says: []string{"permission denied", "of your own"}},
			{name: "of another user", args: command + " $DIR/theirs", as: "nobody", dirs: "theirs:0755", code: 1, says: []string{"$DIR/theirs", "may not write", "of your own"}},
			{name: "no device", args: command + " $MNT", as: "no device", code: 1, says: []string{"/dev/fuse is missing", "modprobe fuse"}},
		}...)
	}
	for i := range table {
		table[i].name = strings.Fields(table[i].args)[0] + "/" + table[i].name
	}
	refuseAll(t, table, "$URL", s.url, "$BUSY", m.dir)
	t.Cleanup(func() { tool(t, "ls", m.dir); s.wantEmpty() })
}

func TestWrongDirectoryForDataIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cache := t.TempDir()
	startMount(t, s.url, "--cache-dir", cache)
	const mount = "mount --url $URL "
	refuseAll(t, knownUser([]wrong{
		{name: "cache in the mountpoint", args: mount + "--cache-dir $MNT/cache $MNT", code: 2, says: []string{"--cache-dir $MNT/cache is inside the mountpoint $MNT", "choose one outside"}},
		{name: "cache that is the mountpoint", args: mount + "--cache-dir $MNT $MNT", code: 2, says: []string{"--cache-dir $MNT is inside the mountpoint"}},
		{name: "cache in use", args: mount + "--cache-dir $CACHE $MNT", code: 1, says: []string{"--cache-dir", "$CACHE", "another --cache-dir"}},
		{name: "cache that is a file", args: mount + "--cache-dir $DIR/file $MNT", file: map[string]string{"file": "x"}, code: 1, says: []string{"--cache-dir", "$DIR/file", "not a directory"}},
		{name: "cache with other files", args: mount + "--cache-dir $DIR/full $MNT", file: map[string]string{"full/thesis": "x"}, code: 1, says: []string{"--cache-dir", `"thesis"`, "empty --cache-dir"}},
		{name: "cache that others write to", args: mount + "--cache-dir $DIR/open $MNT", dirs: "open:0777", code: 1, says: []string{"--cache-dir", "0777", "chmod 700"}},
		{name: "cache below no directory", args: mount + "--cache-dir /proc/none/cache $MNT", code: 1, says: []string{"--cache-dir", "/proc/none"}},
		{name: "spool in the mountpoint", args: mount + "--spool-dir $MNT/spool $MNT", code: 2, says: []string{"--spool-dir $MNT/spool is inside the mountpoint $MNT", "choose one outside"}},
		{name: "spool that is a file", args: mount + "--spool-dir $DIR/file $MNT", file: map[string]string{"file": "x"}, code: 1, says: []string{"--spool-dir", "$DIR/file", "not a directory"}},
		{name: "spool that others write to", args: mount + "--spool-dir $DIR/open $MNT", dirs: "open:0777", code: 1, says: []string{"--spool-dir", "0777", "chmod 700"}},
		{name: "spool below no directory", args: mount + "--spool-dir /proc/none/spool $MNT", code: 1, says: []string{"--spool-dir", "/proc/none"}},
		{name: "log in the mountpoint", args: mount + "--log-file $MNT/log $MNT", code: 2, says: []string{"--log-file $MNT/log is inside the mountpoint $MNT", "outside"}},
		{name: "log in a missing directory", args: mount + "--log-file $DIR/none/log $MNT", code: 1, says: []string{"--log-file $DIR/none/log", "mkdir -p $DIR/none"}},
		{name: "log that is a directory", args: mount + "--log-file $DIR $MNT", code: 1, says: []string{"--log-file $DIR", "is a directory", "name a file"}},
		{name: "file of authorities that is missing", args: mount + "--ca-file $DIR/none $MNT", code: 1, says: []string{"CA file", "$DIR/none", "PEM"}},
		{name: "file of authorities without any", args: mount + "--ca-file $DIR/file $MNT", file: map[string]string{"file": "x"}, code: 1, says: []string{"$DIR/file", "no certificate", "PEM"}},
	}), "$URL", s.url, "$CACHE", cache)
	t.Cleanup(s.wantEmpty)
}

// The tests' own user is mostly root, who may write anywhere.
func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	theirs := newMountpoint(t)
	chown(t, theirs)
	refuseAll(t, knownUser([]wrong{
		{name: "cache", args: "mount --url $URL --cache-dir $THEIRS $MNT", code: 1, says: []string{"--cache-dir", "belongs to another user", "of your own"}},
		{name: "spool", args: "mount --url $URL --spool-dir $THEIRS $MNT", code: 1, says: []string{"--spool-dir", "belongs to another user", "of your own"}},
	}), "$URL", s.url, "$THEIRS", theirs)
}

// knownUser has a table's invocations made with the keys that servers of tests know.
func knownUser(table []wrong) []wrong {
	for i := range table {
		table[i].env = "VISOR_ACCESS_KEY=" + accessKey + " VISOR_SECRET_KEY=" + secretKey
	}
	return table
}
