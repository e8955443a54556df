package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/fs"
)

func newTop() *cobra.Command {
	var once bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "top [flags] MOUNTPOINT",
		Short: "Watch a mount: what is read and written, from where, and how fast",
		Long: `Shows what a mount of visorfs does, until q or Ctrl-C: what programs read and write
and where it comes from, the requests to the server, how full the caches are, the
uploads, and the files that are open. Only who mounted, and root, can watch.`,
		Example: `  visorfs top ~/images
  visorfs top --once ~/images    # one picture, as text`,
		Args: oneArgument("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if every < shortestFrame || every > longestFrame {
				return usageError{fmt.Errorf("--every %s: give a time from %s to %s, like 1s", every, shortestFrame, longestFrame)}
			}
			if !once && !isTerminal(cmd.OutOrStdout()) {
				return usageError{errors.New("top needs a terminal; --once prints one picture")}
			}
			w, err := watchMount(args[0], every)
			if err != nil {
				return err
			}
			defer func() { _ = w.conn.Close() }()
			if once {
				return w.once(cmd.Context(), cmd.OutOrStdout())
			}
			return w.show(cmd.Context(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "print one picture, of the time that --every says, and end")
	cmd.Flags().DurationVar(&every, "every", time.Second, "how often to look, as `TIME`")
	return cmd
}

// watch gets the statistics of a mount, one after the other.
type watch struct {
	conn   net.Conn
	frames *json.Decoder
}

// watchMount connects to the mount on a directory.
func watchMount(dir string, every time.Duration) (*watch, error) {
	on, err := fs.FindMount(dir)
	switch {
	case err != nil:
		return nil, err
	case on == nil || !on.IsVisorfs():
		return nil, fmt.Errorf("%s is no mount of visorfs; see visorfs mount --help", dir)
	}
	conn, err := dialMount(on.Dir)
	if err != nil {
		return nil, fmt.Errorf("the mount on %s cannot be watched: %w; it may be another user's, of a visorfs that was killed, or without a runtime directory (XDG_RUNTIME_DIR)", dir, err)
	}
	if _, err := fmt.Fprintln(conn, every); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &watch{conn: conn, frames: json.NewDecoder(conn)}, nil
}

// dialMount finds the socket of a mount: this user's or, for root, anybody's.
func dialMount(mountpoint string) (net.Conn, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	name := socketName(mountpoint)
	conn, err := net.Dial("unix", filepath.Join(dir, name))
	if err == nil || os.Geteuid() != 0 {
		return conn, err
	}
	others, _ := filepath.Glob("/run/user/*/visorfs/" + name)
	for _, path := range others {
		if conn, failed := net.Dial("unix", path); failed == nil {
			return conn, nil
		}
	}
	return nil, err
}

var errMountEnded = errors.New("the mount has ended")

func (w *watch) next() (s fs.Stats, err error) {
	if err = w.frames.Decode(&s); err != nil {
		err = errMountEnded
	}
	return s, err
}

// once prints what happens between the first two frames.
func (w *watch) once(ctx context.Context, out io.Writer) error {
	defer context.AfterFunc(ctx, func() { _ = w.conn.Close() })()
	before, err := w.next()
	if err != nil {
		return err
	}
	now, err := w.next()
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	const usual = 80
	width := terminalWidth(out)
	if width == 0 {
		width = usual
	}
	_, err = lipgloss.Fprintln(out, drawTop(before, now, width))
	return err
}

// show draws until the user has seen enough.
func (w *watch) show(ctx context.Context, out io.Writer) error {
	program := tea.NewProgram(&topModel{}, tea.WithContext(ctx), tea.WithOutput(out), tea.WithoutSignalHandler())
	go func() {
		for {
			s, err := w.next()
			if err != nil {
				program.Send(err)
				return
			}
			program.Send(s)
		}
	}()
	last, err := program.Run()
	if ctx.Err() != nil {
		return nil
	}
	if m, ok := last.(*topModel); ok && err == nil {
		err = m.failed
	}
	return err
}

// topModel is what is on the screen.
type topModel struct {
	before, now   fs.Stats
	width, height int
	failed        error
}

// Init implements [tea.Model].
func (m *topModel) Init() tea.Cmd { return nil }

// Update takes a key, the size of the terminal, or the next frame.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "ctrl+c", "esc":
			return m, tea.Quit
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case fs.Stats:
		m.before, m.now = m.now, msg
		if m.before.Time.IsZero() {
			m.before = msg
		}
	case error:
		m.failed = msg
		return m, tea.Quit
	}
	return m, nil
}

// View draws the screen.
func (m *topModel) View() tea.View {
	var text string
	if !m.now.Time.IsZero() && m.width > 0 {
		text = lipgloss.NewStyle().MaxHeight(m.height).Render(drawTop(m.before, m.now, m.width))
	}
	view := tea.NewView(text)
	view.AltScreen = true
	return view
}
