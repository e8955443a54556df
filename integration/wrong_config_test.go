//go:build linux

package integration

import "testing"

func TestWrongConfigurationFileIsRefused(t *testing.T) {
	t.Parallel()
	const visor = "visor_image:\n  bind_host: 127.0.0.1\n  bind_port: 9\n  access_key: foo\n  secret_key: hush-hush-hush\n"
	file := func(text string) map[string]string { return map[string]string{"visor-config.yml": text} }
	refuseAll(t, []wrong{
		{name: "VISOR's section, mistyped", args: "mount $MNT", file: file("visor_imgae:\n  bind_port: 9\n"), code: 1, says: []string{"visor-config.yml", "visor_imgae: is visor_image meant?"}},
		{name: "VISOR's key, mistyped", args: "mount $MNT", file: file(visor + "  acess_key: foo\n"), code: 1, says: []string{"visor-config.yml", "acess_key: is access_key meant?"}},
		{name: "VISOR's port", args: "mount $MNT", file: file("visor_image:\n  bind_port: 99999\n"), code: 1, says: []string{"visor-config.yml", "bind_port: 99999 is not a port"}},
		{name: "our section, mistyped", args: "mount $MNT", file: file(visor + "visor_fs:\n  memory: 1GiB\n"), code: 1, says: []string{"visor-config.yml:6", "visor_fs: is visorfs meant?"}},
		{name: "our key, mistyped", args: "mount $MNT", file: file(visor + "visorfs:\n  memmory: 1GiB\n"), code: 1, says: []string{"visor-config.yml:7", `"memmory", is memory meant?`}},
		{name: "our key with an underscore", args: "mount $MNT", file: file(visor + "visorfs:\n  metadata_ttl: 1s\n"), code: 1, says: []string{"visor-config.yml:7", "is metadata-ttl meant?"}},
		{name: "our key, far from any", args: "mount $MNT", file: file(visor + "visorfs:\n  frobnicate: 1s\n"), code: 1, says: []string{"visor-config.yml:7", `"frobnicate"; there are: access-key`}},
		{name: "key that is there twice", args: "mount $MNT", file: file(visor + "visorfs:\n  memory: 1GiB\n  memory: 2GiB\n"), code: 1, says: []string{"visor-config.yml", "line 8", `"memory" already defined at line 7`}},
		{name: "section that is there twice", args: "mount $MNT", file: file(visor + "visorfs:\n  memory: 1GiB\nvisorfs:\n  streams: 3\n"), code: 1, says: []string{"visor-config.yml", `"visorfs" already defined`}},
		{name: "our section has a word", args: "mount $MNT", file: file(visor + "visorfs: fast\n"), code: 1, says: []string{"visor-config.yml:6", "it holds no settings", "`name: value`"}},
		{name: "value that is a word", args: "mount $MNT", file: file(visor + "visorfs:\n  streams: many\n"), code: 1, says: []string{"visor-config.yml:7: streams", "is not a whole number"}},
		{name: "value that is out of bounds", args: "mount $MNT", file: file(visor + "visorfs:\n  memory: 1KiB\n"), code: 1, says: []string{"visor-config.yml:7: memory 1KiB: give 1MiB or more"}},
		{name: "value without a unit", args: "image list", file: file(visor + "visorfs:\n  timeout: 5\n"), code: 1, says: []string{"visor-config.yml:7: timeout", "like 30s"}},
		{name: "no value", args: "mount $MNT", file: file(visor + "visorfs:\n  cache-dir:\n"), code: 1, says: []string{"visor-config.yml:7: cache-dir", "remove the line"}},
		{name: "section for a value", args: "mount $MNT", file: file(visor + "visorfs:\n  cache-dir: {a: b}\n"), code: 1, says: []string{"visor-config.yml:7: cache-dir", "one value is wanted"}},
		{name: "mount option", args: "mount $MNT", file: file(visor + "visorfs:\n  options: [ro, nonsense]\n"), code: 1, says: []string{"visor-config.yml:7: options", "nonsense", "every flag is an option"}},
		{name: "URL and host", args: "mount $MNT", file: file(visor + "visorfs:\n  url: http://x\n  host: y\n"), code: 1, says: []string{"visor-config.yml:7: url and", "visor-config.yml:8: host", "remove one"}},
		{name: "no YAML", args: "mount $MNT", file: file("visor_image: [\n"), code: 1, says: []string{"visor-config.yml", "line 1"}},
		{name: "tab", args: "mount $MNT", file: file("visor_image:\n\tbind_port: 1\n"), code: 1, says: []string{"visor-config.yml", "line 2"}},
		{name: "anchor that is missing", args: "mount $MNT", file: file("visor_image:\n  <<: *defualt\n"), code: 1, says: []string{"visor-config.yml", "defualt"}},
		{name: "secret that YAML takes for an anchor", args: "mount $MNT", file: file("visor_image:\n  secret_key: *hush-hush-hush\n"), code: 1, says: []string{"visor-config.yml", "quotes"}},
		{name: "empty", args: "mount $MNT", file: file(""), code: 1, says: []string{"visor-config.yml", "it is empty", "write a section visorfs or visor_image"}},
		{name: "none of our sections", args: "mount $MNT", file: file("visor_meta:\n  bind_port: 1\n"), code: 1, says: []string{"visor-config.yml", "no section visor_image", "nor a section visorfs"}},
		{name: "named file is missing", args: "mount --config none.yml $MNT", code: 1, says: []string{"none.yml", "--config"}},
		{name: "named file is a directory", args: "mount --config $DIR $MNT", code: 1, says: []string{"$DIR", "is a directory", "--config"}},
		{name: "file that is found is a directory", args: "mount $MNT", dirs: "visor-config.yml", code: 1, says: []string{"visor-config.yml", "is a directory", "--config"}},
		{name: "file of another user", args: "mount $MNT", as: "nobody", file: file(visor), code: 1, says: []string{"visor-config.yml", "permission denied", "--config"}},
		{name: "config shows no wrong file", args: "config", file: file(visor + "visorfs:\n  memmory: 1GiB\n"), code: 1, says: []string{"visor-config.yml:7", "is memory meant?"}},
	})
}

func TestWrongKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	const none = "VISOR_ACCESS_KEY=foo"
	key := func(name string) map[string]string { return map[string]string{name: "hush-hush-hush\n"} }
	refuseAll(t, []wrong{
		{name: "missing", args: "mount --secret-key-file none $MNT", env: none, code: 1, says: []string{"--secret-key-file", "none", "write the key"}},
		{name: "empty", args: "mount --secret-key-file key $MNT", env: none, file: map[string]string{"key": "\nhush-hush-hush\n"}, code: 1, says: []string{"first line is empty", "write the key there"}},
		{name: "readable by others", args: "mount --secret-key-file key $MNT", env: none, file: key("key:0644"), code: 1, says: []string{"others can read", "0644", "chmod 600 key"}},
		{name: "readable by the group", args: "image list --secret-key-file key", env: none, file: key("key:0640"), code: 1, says: []string{"others can read", "chmod 600 key"}},
		{name: "a directory", args: "mount --secret-key-file $DIR $MNT", env: none, code: 1, says: []string{"$DIR", "it is a directory"}},
		{name: "of another user", args: "image list --secret-key-file key", env: none, as: "nobody", file: key("key"), code: 1, says: []string{"permission denied", "readable to you"}},
		{name: "no key but an image", args: "mount --secret-key-file key $MNT", env: none, file: map[string]string{"key": string(make([]byte, 10_000))}, code: 1, says: []string{"4096 bytes or more"}},
		{name: "named by a variable", args: "mount $MNT", env: none + " VISORFS_SECRET_KEY_FILE=key", file: key("key:0604"), code: 1, says: []string{"VISORFS_SECRET_KEY_FILE", "chmod 600 key"}},
		{name: "named by a file", args: "mount $MNT", env: none, file: map[string]string{"key:0666": hush, "visor-config.yml": "visorfs:\n  secret-key-file: key\n"}, code: 1, says: []string{"visor-config.yml:2: secret-key-file", "chmod 600 key"}},
	})
}
