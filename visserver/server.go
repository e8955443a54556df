package visserver

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/visorfs/visorfs/meta"
)

// Options says what a [Server] serves. Dir and Users are required.
type Options struct {
	// Dir holds the database and the image files. It is created if missing, and
	// belongs to one server at a time.
	Dir string

	// Users maps the access key of each user to the secret key that signs the
	// user's requests; neither may be empty.
	Users map[string]string

	// IgnoreRange makes the server send image files as the original one does:
	// whole and chunked, with neither Content-Length nor Accept-Ranges nor ETag.
	IgnoreRange bool

	// URL is the base of the attribute uri, for instance http://127.0.0.1:4568.
	// Without it images have no uri.
	URL string

	// Logger takes failures of the server's own. Nil discards them.
	Logger *slog.Logger

	// AccessLog takes a line per request at level info: method, path without query,
	// status, bytes of the reply's body, duration, user, and remote address. Nil is
	// Logger, at level debug.
	AccessLog *slog.Logger

	// DateSkew is how far the Date of a request may be from the server's clock. 0 is
	// 15 minutes; less than 0 takes any Date, as the original server does.
	DateSkew time.Duration

	// MaxImageBytes bounds the data of one image; a larger upload is answered 413.
	// 0 is no bound.
	MaxImageBytes int64

	// MaxUploads is how many uploads run at once; more are answered 503, with
	// Retry-After. 0 is 64, less than 0 no bound.
	MaxUploads int

	// UploadIdle is how long an upload may bring no byte before it is ended with 408.
	// 0 is two minutes, less than 0 for ever.
	UploadIdle time.Duration

	// Locations are the directories, as URLs like file:///srv/images, whose files
	// users may register as images by their location. Every user can read every
	// file below them that the server can read. None may contain Dir, or be in it.
	Locations []string
}

// The defaults of Options.
const (
	defaultDateSkew   = 15 * time.Minute // what clocks without NTP are off, and more than any retry lasts
	defaultMaxUploads = 64
	defaultUploadIdle = 2 * time.Minute
)

// Server is a VIS server. Its methods may be called concurrently.
type Server struct {
	users       map[string]string
	ignoreRange bool
	url         string // without a slash at the end
	run         string // names this run of the server
	dateSkew    time.Duration
	log         *slog.Logger
	access      *slog.Logger
	accessLevel slog.Level
	routes      routes
	files       files
	locations   locations
	uploads     *uploads
	records     *records
	counts      counts
	close       func() error
}

// ErrInUse is the error of [New] for a directory that another server has.
var ErrInUse = errors.New("the directory is in use by another server")

// New opens the repository in options.Dir, or creates it, and removes what a
// crash left there. It fails if another server uses the directory.
func New(options Options) (*Server, error) {
	if err := checkUsers(options.Users); err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	if options.Dir == "" {
		return nil, errors.New("new server: no directory given")
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	s := &Server{
		users:       maps.Clone(options.Users),
		ignoreRange: options.IgnoreRange,
		url:         strings.TrimRight(options.URL, "/"),
		run:         uuid.NewString(),
		dateSkew:    cmp.Or(options.DateSkew, defaultDateSkew),
		log:         options.Logger,
		access:      options.AccessLog,
		uploads: &uploads{
			maxBytes:   options.MaxImageBytes,
			maxRunning: max(0, cmp.Or(options.MaxUploads, defaultMaxUploads)),
			idle:       max(0, cmp.Or(options.UploadIdle, defaultUploadIdle)),
			running:    make(map[*body]struct{}),
		},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.access == nil {
		s.access, s.accessLevel = s.log, slog.LevelDebug
	}
	s.routes = s.newRoutes()
	if err := s.open(dir, options.Locations); err != nil {
		return nil, fmt.Errorf("new server in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Server) open(dir string, locations []string) (err error) {
	if s.files, err = openFiles(dir); err != nil {
		return err
	}
	if s.locations, err = openLocations(locations, dir); err != nil {
		return err
	}
	// The database comes before any cleaning: its lock says that the directory is ours.
	if s.records, err = openRecords(filepath.Join(dir, databaseName), s.locate); err != nil {
		return err
	}
	s.close = sync.OnceValue(func() error {
		s.uploads.close()
		return s.records.close()
	})
	if err := s.recover(); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// Close ends the uploads that are running: those whose data are still coming are
// answered 503, and nothing of them stays. Then it writes what is not on disk yet
// and closes the database. Let requests end first, with [http.Server.Shutdown];
// changes that come later are answered 503.
func (s *Server) Close() error { return s.close() }

func checkUsers(users map[string]string) error {
	if len(users) == 0 {
		return errors.New("no users given")
	}
	for key, secret := range users {
		if key == "" || secret == "" {
			return errors.New("a user with an empty access key or secret key")
		}
	}
	return nil
}

// locate gives an image the attributes that say where it is. They follow from
// the options of the running server, not from what was true when the record was
// written: a repository may be moved.
func (s *Server) locate(img *meta.Image) {
	img.URI = ""
	if s.url != "" {
		img.URI = s.url + imagesPath + "/" + string(img.ID)
	}
	if isRegistered(img) {
		return
	}
	img.Location = ""
	if img.Status == meta.Available {
		img.Location = (&url.URL{Scheme: "file", Path: s.files.path(img.ID)}).String()
	}
}

// now is the present time as precisely as VIS can write it, so that a record
// reads the same from memory and from disk. Being UTC always, times sort as text.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// visible reports whether a user may see an image.
func visible(img *meta.Image, user string) bool {
	return img.Owner == user || img.Access == meta.Public
}

// find returns an image that the user may see.
func (s *Server) find(id meta.ID, user string) (*meta.Image, error) {
	img, ok := s.records.get(id)
	if !ok || !visible(img, user) {
		return nil, notFound(id)
	}
	return img, nil
}

// findOwn returns an image that the user may change.
func (s *Server) findOwn(id meta.ID, user string) (*meta.Image, error) {
	img, err := s.find(id, user)
	if err != nil {
		return nil, err
	}
	if img.Owner != user {
		return nil, refuse(http.StatusForbidden, "No permission to change image '%s' of another user", id)
	}
	return img, nil
}
