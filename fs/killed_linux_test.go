package fs

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const stuckEnv = "VISORFS_FS_TEST_STUCK_ON"

// TestMain lets a test run this binary again, as a process to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(stuckEnv); dir != "" {
		if err := getStuck(dir); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// stuck is a directory that tells the kernel of a change in it instead of making one.
type stuck struct {
	gofuse.Inode
}

func (s *stuck) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	go func() { s.NotifyEntry("other") }()
	time.Sleep(200 * time.Millisecond) // for the kernel to be asked
	fmt.Println("stuck")
	select {}
}

func getStuck(dir string) error {
	server, err := gofuse.Mount(dir, &stuck{}, &gofuse.Options{MountOptions: fuse.MountOptions{
		FsName: "test", Name: "visorfs", DirectMount: true,
	}})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	server.Wait()
	return nil
}

// A process that was killed while the kernel had it wait for a request which it had to answer
// does not end by itself, and whoever used the mount waits with it.
func TestMountThatWasKilledAndCannotEndIsFreed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stuckEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) })
	said := func(want string) {
		t.Helper()
		var got string
		if _, err := fmt.Fscanln(out, &got); err != nil || got != want {
			t.Skipf("cannot mount here: %q, %v", got, err)
		}
	}
	said("mounted")
	on, err := FindMount(dir)
	if err != nil || on == nil || on.IsKilled() {
		t.Fatalf("of a mount that is alive: %v, %v", on, err)
	}
	made := make(chan error, 1)
	go func() { made <- unix.Mkdir(dir+"/new", 0o755) }()
	said("stuck")
	_ = cmd.Process.Kill()
	time.Sleep(100 * time.Millisecond)
	select {
	case err := <-made:
		t.Skipf("this kernel does not have it wait: %v", err)
	default:
	}
	if !on.IsKilled() {
		t.Skip("this kernel does not tell whose connection it is")
	}
	if err := RecoverMountpoint(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	if err := <-made; err == nil {
		t.Error("mkdir went well")
	}
	_ = cmd.Wait()
	if on, err := FindMount(dir); err != nil || on != nil {
		t.Errorf("still mounted: %v, %v", on, err)
	}
}
