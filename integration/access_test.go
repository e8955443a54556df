//go:build linux

package integration

import (
	"testing"
)

func TestOwnerAndUmaskAreAsAskedFor(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.post("dir/public.img", []byte("x"), nil)
	s.post("dir/private.img", []byte("x"), map[string]string{"access": "private"})
	for name, c := range map[string]struct {
		args                 []string
		owner                string
		public, private, dir string
	}{
		"flags":   {[]string{"--uid", "12", "--gid", "34", "--umask", "027"}, "12 34", "640", "600", "750"},
		"options": {[]string{"-o", "uid=daemon,gid=daemon,umask=077"}, "1 1", "600", "600", "700"},
		"zero":    {[]string{"-o", "umask=0,uid=5,gid=6"}, "5 6", "644", "600", "755"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMount(t, s.url, c.args...)
			for path, mode := range map[string]string{"dir/public.img": c.public, "dir/private.img": c.private, "dir": c.dir, "": c.dir} {
				if got, want := tool(t, "stat", "-c", "%u %g %a", m.path(path)), c.owner+" "+mode+"\n"; got != want {
					t.Errorf("%q is %s, want %s", path, got, want)
				}
			}
		})
	}
}
