package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/fs"
)

func newUmount() *cobra.Command {
	var u unmounting
	cmd := &cobra.Command{
		Use:   "umount [flags] MOUNTPOINT",
		Short: "Unmount what visorfs has mounted, when its uploads are done",
		Long: `Unmounts the directory MOUNTPOINT as soon as everything that is being written is on
the server, and says what it waits for. Programs that only read, or stay in the
directory, are named, and keep it mounted. What is no mount of visorfs is left alone.

With --lazy the directory is empty at once; what programs have open goes on, uploads
included, until they close it.`,
		Example: `  visorfs umount ~/images
  visorfs umount --timeout 5m ~/images
  visorfs umount --lazy ~/images`,
		Args: oneArgument("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return u.run(cmd, args[0])
		},
	}
	cmd.Flags().BoolVarP(&u.lazy, "lazy", "l", false, "detach it at once, whoever uses it")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 0, "how long to wait for uploads (default as long as they take)")
	demand(cmd.Flags(), "timeout", "give a time of 0 or more, like 5m", func() bool { return u.timeout >= 0 })
	return cmd
}

// unmounting is one run of umount.
type unmounting struct {
	lazy    bool
	timeout time.Duration // 0 for none

	mount *fs.Entry
	out   io.Writer // for what is waited for
	said  string
}

func (u *unmounting) run(cmd *cobra.Command, dir string) error {
	var err error
	if u.mount, err = fs.FindMount(dir); err != nil {
		return err
	}
	switch {
	case u.mount == nil:
		return fmt.Errorf("nothing is mounted on %s", dir)
	case !u.mount.IsVisorfs():
		return fmt.Errorf("%s is no mount of visorfs, but of type %s; unmount it with: umount %s", dir, u.mount.Type, dir)
	case u.mount.IsKilled():
		return u.mount.Free()
	}
	u.out = cmd.ErrOrStderr()
	ctx := cmd.Context()
	if u.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.timeout)
		defer cancel()
	}
	return u.wait(ctx, dir)
}

// wait unmounts once nobody uses the mount. It gives up early if it is used, but
// nothing is being uploaded.
func (u *unmounting) wait(ctx context.Context, dir string) error {
	const (
		pause    = 200 * time.Millisecond
		patience = 2 * time.Second // for programs that are about to end
	)
	defer u.clear()
	for uploaded := time.Now(); ; {
		err := fs.Unmount(u.mount.Dir, u.lazy)
		if !errors.Is(err, fs.ErrInUse) {
			return err
		}
		users := u.mount.Users()
		if u.isUploading(users) {
			uploaded = time.Now()
			u.say(users)
		} else if time.Since(uploaded) > patience {
			return fmt.Errorf("%s is in use%s; end that, or use --lazy", dir, list(users))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s is still mounted after %s: %s", dir, u.timeout, u.describe(users))
			}
			return fmt.Errorf("%s is still mounted: %s", dir, u.describe(users))
		}
	}
}

// isUploading reports whether something is to be waited for: a file is open for writing,
// or in the close() that ends an upload, which only the mount can tell.
func (u *unmounting) isUploading(users []fs.User) bool {
	uploads, _ := u.uploads()
	return uploads.Files > 0 || len(writing(users)) > 0
}

// uploads asks the mount, which may be too ill to answer.
func (u *unmounting) uploads() (uploads fs.Uploads, ok bool) {
	const patience = time.Second
	answer := make(chan fs.Uploads, 1)
	go func() {
		defer close(answer)
		value := make([]byte, 64)
		n, err := unix.Getxattr(u.mount.Dir, fs.UploadsAttribute, value)
		if err != nil {
			return
		}
		if uploads, err := fs.ParseUploads(string(value[:n])); err == nil {
			answer <- uploads
		}
	}()
	select {
	case uploads, ok = <-answer:
		return uploads, ok
	case <-time.After(patience):
		return uploads, false
	}
}

func (u *unmounting) describe(users []fs.User) string {
	text := "files are open for writing"
	if uploads, _ := u.uploads(); uploads.Files > 0 {
		text = describeUploads(uploads)
	}
	return text + list(writing(users))
}

// say shows what is waited for: on a terminal always how it is now, elsewhere once.
func (u *unmounting) say(users []fs.User) {
	text := "waiting: " + u.describe(users)
	if isTerminal(u.out) {
		if width := terminalWidth(u.out); width > 0 {
			text = snip(text, width-1)
		}
		fmt.Fprintf(u.out, "\r\x1b[K%s", text)
	} else if u.said == "" {
		fmt.Fprintf(u.out, "visorfs: %s\n", text)
	}
	u.said = text
}

// clear takes what was said off a terminal.
func (u *unmounting) clear() {
	if u.said != "" && isTerminal(u.out) {
		fmt.Fprint(u.out, "\r\x1b[K")
	}
}

func writing(users []fs.User) (writers []fs.User) {
	for _, user := range users {
		if user.Writing {
			writers = append(writers, user)
		}
	}
	return writers
}

// list names some users, and what they use.
func list(users []fs.User) string {
	const most = 5
	var names []string
	for i, user := range users {
		if i == most {
			names = append(names, "...")
			break
		}
		who := user.Program
		if user.Process > 0 {
			who += fmt.Sprintf(" (process %d)", user.Process)
		}
		names = append(names, printable(who+" has "+user.Path))
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}
