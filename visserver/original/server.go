package original

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// maxConns is how many connections are served at a time; further ones wait.
const maxConns = 1024

// Options configures a [Server].
type Options struct {
	// Dir holds the records and the image files. It is created if missing.
	Dir string
	// Users maps access keys to secret keys.
	Users map[string]string
	// URL is the base of the attribute uri; "" means http://127.0.0.1:4568.
	URL string
	// Logger gets a line per request at level Debug; nil means none.
	Logger *slog.Logger

	// BlockPause is the pause after each 64 KiB of the copy to the store; 0 means
	// 200 µs, with which 256 MiB take about a second.
	BlockPause time.Duration
	// CollectAfter is the time from the end of a copy to the garbage collection
	// that writes its last block, if that is under 8 KiB; 0 means 2.4 s.
	CollectAfter time.Duration

	clock     func() time.Time // nil means time.Now
	newID     func() string    // nil means a random UUID
	roundTrip time.Duration    // of a call to VMS, in which others go on; 0 means 1 ms, <0 none
}

// Server is a VIS of 2012. See the package comment.
type Server struct {
	users  map[string]string
	log    *slog.Logger
	now    func() time.Time
	tmpDir string
	vms    *metaService
	store  *fileStore
	web    *webStore

	saveLast func() error // once: the directory may have another server afterwards

	authDown atomic.Bool

	slots chan struct{} // one per connection being served
	done  chan struct{} // closed when the server begins to stop
	conns sync.WaitGroup

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]bool
	open      map[*conn]bool
}

// New opens the repository in a directory.
func New(o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("original VIS: %w", err)
	}
	now := o.clock
	if now == nil {
		now = time.Now
	}
	s := &Server{
		users:     maps.Clone(o.Users),
		log:       o.Logger,
		now:       now,
		tmpDir:    filepath.Join(dir, "tmp"),
		store:     newFileStore(filepath.Join(dir, "store"), o),
		web:       newWebStore(),
		slots:     make(chan struct{}, maxConns),
		done:      make(chan struct{}),
		listeners: make(map[net.Listener]bool),
		open:      make(map[*conn]bool),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []string{s.tmpDir, s.store.dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("original VIS: %w", err)
		}
	}
	s.vms, err = openMetaService(filepath.Join(dir, "records.json"), o, now)
	if err != nil {
		return nil, fmt.Errorf("original VIS: %w", err)
	}
	s.saveLast = sync.OnceValue(s.vms.save)
	return s, nil
}

func randomID() string { return uuid.NewString() }

// SetMetaDown stops or restarts the server of the records, VMS.
func (s *Server) SetMetaDown(down bool) { s.vms.down.Store(down) }

// SetAuthDown stops or restarts the server of the users, VAS.
func (s *Server) SetAuthDown(down bool) { s.authDown.Store(down) }

// Serve answers the connections of a listener, which it closes in the end. It
// returns [http.ErrServerClosed] after Shutdown or Close.
func (s *Server) Serve(l net.Listener) error {
	defer func() { _ = l.Close() }()
	if !s.track(l) {
		return http.ErrServerClosed
	}
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.done:
			return http.ErrServerClosed
		}
		accepted, err := l.Accept()
		if err == nil {
			s.start(accepted)
			continue
		}
		<-s.slots
		if s.isStopping() {
			return http.ErrServerClosed
		}
		if !retryAccept(err) {
			return fmt.Errorf("original VIS: %w", err)
		}
		time.Sleep(10 * time.Millisecond) // until there are file descriptors again
	}
}

// retryAccept reports whether Accept may work the next time.
func retryAccept(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.listeners[l] = true
	}
	return !s.stopping
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (s *Server) start(accepted net.Conn) {
	c := &conn{Conn: accepted, server: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = accepted.Close()
		<-s.slots
		return
	}
	s.open[c] = true
	s.conns.Go(func() {
		c.serve()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		<-s.slots
	})
}

// begin marks a connection as busy; it refuses once the server stops.
func (s *Server) begin(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = !s.stopping
	return c.busy
}

// end marks a connection as idle: stop may close it from now on.
func (s *Server) end(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = false
}

// Shutdown is the orderly exit: it lets requests end, then the copies to the store
// with all their blocks. When ctx ends it turns into [Server.Close].
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(false)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.conns.Wait()
		s.store.copies.finish()
	}()
	select {
	case <-ended:
		return s.saveLast()
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Close())
	}
}

// Close is the kill: connections break, copies stop where they are, and the last
// blocks that wait for a garbage collection are lost. It always returns nil.
func (s *Server) Close() error {
	s.store.copies.kill()
	s.web.kill()
	s.stop(true)
	s.conns.Wait()
	s.store.copies.wait()
	return nil
}

// stop closes the listeners, and of the connections those that are idle or all.
func (s *Server) stop(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.stopping = true
		close(s.done)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.open {
		if all || !c.busy {
			_ = c.Close()
		}
	}
}
