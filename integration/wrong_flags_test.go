//go:build linux

package integration

import "testing"

func TestWrongCommandLineIsRefused(t *testing.T) {
	t.Parallel()
	refuseAll(t, []wrong{
		{name: "unknown command", args: "mont $MNT", code: 2, says: []string{`"mont"`, "mount or umount meant?"}},
		{name: "unknown command, far from any", args: "frobnicate", code: 2, says: []string{`"frobnicate"`, "visorfs --help"}},
		{name: "unknown command of image", args: "image shw", code: 2, says: []string{`"shw"`, "is show meant?"}},
		{name: "unknown flag", args: "mount --memry 1MiB $MNT", code: 2, says: []string{"--memry", "is --memory meant?"}},
		{name: "unknown flag, far from any", args: "mount --frobnicate $MNT", code: 2, says: []string{"--frobnicate", "visorfs mount --help"}},
		{name: "unknown letter", args: "mount -x $MNT", code: 2, says: []string{"'x'", "visorfs mount --help"}},
		{name: "flag without its value", args: "mount $MNT --memory", code: 2, says: []string{"--memory", "needs an argument"}},
		{name: "no mountpoint", args: "mount", code: 2, says: []string{"MOUNTPOINT is missing", "usage: visorfs mount"}},
		{name: "no mountpoint of a demo", args: "demo", code: 2, says: []string{"MOUNTPOINT is missing", "usage: visorfs demo"}},
		{name: "two mountpoints", args: "mount $MNT $MNT", code: 2, says: []string{"one MOUNTPOINT is wanted, 2 arguments are given"}},
		{name: "argument of serve", args: "serve extra", code: 2, says: []string{`"extra"`, "usage: visorfs serve"}},
		{name: "argument of config", args: "config extra", code: 2, says: []string{`"extra"`, "usage: visorfs config"}},
		{name: "size that is a word", args: "mount --memory lots $MNT", code: 2, says: []string{"--memory", `"lots"`, "like 256MiB"}},
		{name: "size that is too small", args: "mount --memory 1KiB $MNT", code: 2, says: []string{"--memory 1KiB: give 1MiB or more"}},
		{name: "readahead of nothing", args: "mount --readahead 0 $MNT", code: 2, says: []string{"--readahead 0: give 1MiB or more"}},
		{name: "negative cache", args: "mount --cache-size -1 $MNT", code: 2, says: []string{"--cache-size", "like 256MiB"}},
		{name: "spool that is too small", args: "mount --spool-size 10 $MNT", code: 2, says: []string{"--spool-size 10: give 1MiB or more"}},
		{name: "no streams", args: "mount --streams 0 $MNT", code: 2, says: []string{"--streams 0: give 1 or more"}},
		{name: "streams that are a word", args: "mount --streams many $MNT", code: 2, says: []string{"--streams", `"many" is not a whole number`}},
		{name: "time without a unit", args: "mount --timeout 5 $MNT", code: 2, says: []string{"--timeout", `"5" is not a time`, "like 30s"}},
		{name: "negative time", args: "mount --timeout -5s $MNT", code: 2, says: []string{"--timeout -5s: give a time of more than 0"}},
		{name: "negative TTL", args: "mount --metadata-ttl -1s $MNT", code: 2, says: []string{"--metadata-ttl -1s: give a time of 0 or more"}},
		{name: "port that is too high", args: "mount --port 65536 $MNT", code: 2, says: []string{"--port 65536: a port is a number from 1 to 65535"}},
		{name: "port that is a word", args: "mount --port http $MNT", code: 2, says: []string{"--port", `"http" is not a whole number`}},
		{name: "switch with a value that is none", args: "mount --no-passthrough=perhaps $MNT", code: 2, says: []string{"--no-passthrough", "neither true nor false"}},
		{name: "wrong time to verify", args: "mount --verify sometimes $MNT", code: 2, says: []string{"--verify sometimes: give auto, always or never"}},
		{name: "unknown architecture", args: "mount --architecture z80 $MNT", code: 2, says: []string{"--architecture z80: VIS knows i386 and x86_64"}},
		{name: "unknown mount option", args: "mount -o ro,nonsense $MNT", code: 2, says: []string{"-o nonsense", "every flag is an option"}},
		{name: "mistyped mount option", args: "mount -o alow_other $MNT", code: 2, says: []string{"alow_other", "is allow_other meant?"}},
		{name: "mount option without its value", args: "mount -o metadata_ttl $MNT", code: 2, says: []string{"-o metadata_ttl", "metadata_ttl=DURATION"}},
		{name: "mount option with a wrong value", args: "mount -o ro,streams=0 $MNT", code: 2, says: []string{"-o streams 0: give 1 or more"}},
		{name: "options of a mount that is there", args: "mount -o remount,ro $MNT", code: 2, says: []string{"-o remount", "unmount it"}},
		{name: "umask that is none", args: "mount --umask 888 $MNT", code: 2, says: []string{"--umask", `"888" is not a umask`, "like 022"}},
		{name: "unknown user", args: "mount --uid nobody-here $MNT", code: 2, says: []string{"--uid", `"nobody-here" is neither a number nor a name`}},
		{name: "negative time to stop", args: "mount --stop-timeout -1s $MNT", code: 2, says: []string{"--stop-timeout -1s: give a time of 0 or more"}},
		{name: "port of a daemon", args: "mount --daemon --port 99999 $MNT", code: 2, says: []string{"--port 99999: a port is a number from 1 to 65535"}},
		{name: "nothing to unmount", args: "umount", code: 2, says: []string{"MOUNTPOINT is missing", "usage: visorfs umount"}},
		{name: "negative time to unmount", args: "umount --timeout -1s $MNT", code: 2, says: []string{"--timeout -1s: give a time of 0 or more"}},
		{name: "form of the log", args: "mount --log-format xml $MNT", code: 2, says: []string{"--log-format xml: give text or json"}},
		{name: "level of the log", args: "mount --log-level loud $MNT", code: 2, says: []string{"--log-level loud: give debug, info, warn or error"}},
		{name: "URL and host", args: "mount --url http://x --host y $MNT", code: 2, says: []string{"--url and --host", "leave out one"}},
		{name: "two secret keys", args: "mount --secret-key hush-hush-hush --secret-key-file f $MNT", code: 2, says: []string{"--secret-key-file and --secret-key", "leave out one"}},
		{name: "URL of another protocol", args: "mount --url ftp://x $MNT", code: 1, says: []string{"ftp://x", "http://HOST:PORT"}},
		{name: "URL with a password", args: "mount --url http://foo:hush-hush-hush@x $MNT", code: 1, says: []string{"no password in it", "access key"}},
		{name: "URL with a path", args: "mount --url http://x:1/images $MNT", code: 1, says: []string{"answers at the root", "http://x:1"}},
		{name: "URL that is none", args: "mount --url http://x:port $MNT", code: 1, says: []string{"server URL", "http://HOST:PORT"}},
	})
}

func TestWrongEnvironmentIsRefused(t *testing.T) {
	t.Parallel()
	const keys = "VISOR_ACCESS_KEY=foo VISOR_SECRET_KEY=hush-hush-hush "
	refuseAll(t, []wrong{
		{name: "port", args: "mount $MNT", env: keys + "VISOR_PORT=tcp://10.0.0.1:80", code: 1, says: []string{"VISOR_PORT", `"tcp://10.0.0.1:80" is not a whole number`}},
		{name: "time", args: "mount $MNT", env: keys + "VISORFS_METADATA_TTL=5", code: 1, says: []string{"VISORFS_METADATA_TTL", "is not a time", "like 30s"}},
		{name: "size", args: "mount $MNT", env: keys + "VISORFS_CACHE_SIZE=big", code: 1, says: []string{"VISORFS_CACHE_SIZE", "like 256MiB"}},
		{name: "choice", args: "mount $MNT", env: keys + "VISORFS_VERIFY=yes", code: 1, says: []string{"VISORFS_VERIFY yes: give auto, always or never"}},
		{name: "switch", args: "mount $MNT", env: keys + "VISORFS_DEBUG=loud", code: 1, says: []string{"VISORFS_DEBUG", "neither true nor false"}},
		{name: "mount option", args: "mount $MNT", env: keys + "VISORFS_OPTIONS=ro,nonsense", code: 1, says: []string{"VISORFS_OPTIONS: nonsense", "every flag is an option"}},
		{name: "value of a mount option", args: "mount $MNT", env: keys + "VISORFS_OPTIONS=ro,umask=9", code: 1, says: []string{"VISORFS_OPTIONS: umask", `"9" is not a umask`}},
		{name: "mount option that comes too late", args: "mount $MNT", env: keys + "VISORFS_OPTIONS=daemon", code: 1, says: []string{"VISORFS_OPTIONS: daemon", "command line"}},
		{name: "user", args: "mount $MNT", env: keys + "VISORFS_UID=nobody-here", code: 1, says: []string{"VISORFS_UID", "neither a number nor a name"}},
		{name: "mistyped name", args: "mount $MNT", env: keys + "VISORFS_METADATA_TLL=5s", code: 1, says: []string{"VISORFS_METADATA_TLL", "is VISORFS_METADATA_TTL meant?"}},
		{name: "prefix of another name", args: "mount $MNT", env: keys + "VISORFS_HOST=x", code: 1, says: []string{"VISORFS_HOST", "is VISOR_HOST meant?"}},
		{name: "file that is missing", args: "mount $MNT", env: keys + "VISORFS_CONFIG=$DIR/none.yml", code: 1, says: []string{"$DIR/none.yml", "--config"}},
		{name: "value that config would show", args: "config", env: keys + "VISORFS_STREAMS=0", code: 1, says: []string{"VISORFS_STREAMS 0: give 1 or more"}},
		{name: "no keys", args: "mount $MNT", env: "NONE=x", code: 2, says: []string{"no access key", "VISOR_ACCESS_KEY", "visor-config.yml", "--secret-key-file"}},
		{name: "no secret key", args: "image list", env: "VISOR_ACCESS_KEY=foo", code: 2, says: []string{"no secret key", "VISOR_SECRET_KEY", "--secret-key"}},
	})
}
