package visserver

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

const authScheme = "VISOR"

// authenticate returns the access key of the user who signed a request. There is
// no 401 in VIS: all failures are 403.
func (s *Server) authenticate(r *http.Request) (string, error) {
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return "", refuse(http.StatusForbidden, "Authorization not provided.")
	}
	scheme, credentials, _ := strings.Cut(authorization, " ")
	colon := strings.LastIndexByte(credentials, ':') // base64 has none, a key may
	if colon <= 0 {
		return "", refuse(http.StatusForbidden, "No access key found in Authorization.")
	}
	key, signature := credentials[:colon], credentials[colon+1:]
	secret, ok := s.users[key]
	if !ok {
		return "", refuse(http.StatusForbidden, "No user found with access key '%s'.", key)
	}
	text, ok := canonicalText(r)
	if !ok || scheme != authScheme || !hmac.Equal([]byte(signature), []byte(sign(text, secret))) {
		return "", refuse(http.StatusForbidden, "Invalid authorization, signatures do not match.")
	}
	return key, s.checkDate(r.Header.Get("Date"))
}

// checkDate refuses a request that was not signed just now: its signature may have
// been overheard. Only who knows the secret key gets as far as this.
func (s *Server) checkDate(text string) error {
	if s.dateSkew < 0 {
		return nil
	}
	if text == "" {
		return refuse(http.StatusForbidden, "The request has no Date: sign it with the present time")
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return refuse(http.StatusForbidden, "The request's Date '%s' is not a time: write one like %s", text, time.Now().UTC().Format(http.TimeFormat))
	}
	off, side := time.Since(date), "behind"
	if off < 0 {
		off, side = -off, "ahead of"
	}
	if off <= s.dateSkew {
		return nil
	}
	return refuse(http.StatusForbidden, "The request's Date is %s %s the server's clock; set the clock", off.Round(time.Second), side)
}

func sign(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// canonicalText returns what the signature of a request covers: a line each for
// the method, Content-MD5, Content-Type, Date and every metadata header, then the
// path without the query. A request that repeats one of these headers has none:
// nobody could say which of the values was meant.
func canonicalText(r *http.Request) (text string, ok bool) {
	lines := []string{r.Method}
	for _, name := range []string{"Content-Md5", "Content-Type", "Date"} {
		if len(r.Header[name]) > 1 {
			return "", false
		}
		lines = append(lines, strings.TrimSpace(r.Header.Get(name)))
	}
	var metadata []string
	for key, values := range r.Header {
		name := strings.ToLower(key)
		if !strings.HasPrefix(name, meta.HeaderPrefix) {
			continue
		}
		if len(values) != 1 {
			return "", false
		}
		metadata = append(metadata, name+":"+strings.TrimSpace(values[0]))
	}
	slices.SortFunc(metadata, compareNames)
	lines = append(lines, metadata...)
	return strings.Join(append(lines, r.URL.EscapedPath()), "\n"), true
}

// compareNames orders "name:value" lines by name, where "a" precedes "a-b":
// whole lines would not, as '-' precedes ':'.
func compareNames(a, b string) int {
	a, _, _ = strings.Cut(a, ":")
	b, _, _ = strings.Cut(b, ":")
	return strings.Compare(a, b)
}
