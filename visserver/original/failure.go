package original

import "errors"

// kind is the class of an exception in the original.
type kind int

const (
	unexpected       kind = iota // any exception that no route rescues: status 500
	invalid                      // ArgumentError, Invalid
	forbidden                    // Forbidden
	notFound                     // NotFound
	conflict                     // ConflictError
	duplicated                   // Duplicated
	unsupportedStore             // UnsupportedStore
	internal                     // InternalError: VMS or VAS failed or cannot be reached
)

// failure is an exception of the original.
type failure struct {
	kind    kind
	message string
}

func (f *failure) Error() string { return f.message }

func fail(k kind, message string) error { return &failure{k, message} }

// kindOf returns the kind of an error, which is unexpected for those of Go.
func kindOf(err error) kind {
	var f *failure
	if errors.As(err, &f) {
		return f.kind
	}
	return unexpected
}

// rescues says which status a route answers a kind of failure with.
type rescues map[kind]int

// commonRescues are those of the routes that have no others.
var commonRescues = rescues{forbidden: 403, notFound: 404, internal: 503}

// result is what a route has to say, before it is encoded.
type result struct {
	status int
	body   hash
}

// refuse is the result of a failure that a route handles itself.
func refuse(status int, message string) result {
	return result{status, hash{{"code", integerOf(int64(status))}, {"message", message}}}
}

// of turns a failure into a result.
func (r rescues) of(err error) result {
	if status, ok := r[kindOf(err)]; ok {
		return refuse(status, err.Error())
	}
	return result{500, hash{{"error", err.Error()}}}
}
