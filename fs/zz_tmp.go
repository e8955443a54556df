package fs
import "errors"
import "github.com/visorfs/visorfs/visclient"
func mayPass(err error) bool { for _, e := range []error{visclient.ErrInvalid, visclient.ErrForbidden, visclient.ErrConflict, visclient.ErrNoSpace, visclient.ErrTooLarge, visclient.ErrTooLong, visclient.ErrMismatch} { if errors.Is(err, e) { return false } }; return true }
