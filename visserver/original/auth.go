package original

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var accessKeyForm = regexp.MustCompile(` ([A-Za-z0-9_]+):`)

// authorize checks the signature of a request and returns the access key of its
// user. That is all the checking there ever is: no date, no rights.
func (s *Server) authorize(req *request) (accessKey string, err error) {
	sent, ok := req.header.exact("Authorization")
	if !ok {
		return "", fail(forbidden, "Authorization not provided.")
	}
	found := accessKeyForm.FindStringSubmatch(sent)
	if found == nil {
		return "", fail(forbidden, "No access key found in Authorization.")
	}
	accessKey = found[1]
	if s.authDown.Load() {
		return "", fail(internal, "VISOR Auth System server not found. Is it running?")
	}
	secret, ok := s.users[accessKey]
	if !ok {
		return "", fail(forbidden, "No user found with access key '"+accessKey+"'.")
	}
	want := "VISOR " + accessKey + ":" + signature(secret, s.described(req))
	if !hmac.Equal([]byte(sent), []byte(want)) {
		return "", fail(forbidden, "Invalid authorization, signatures do not match.")
	}
	return accessKey, nil
}

func signature(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// described is the text that is signed. Without a field that is spelled Date, the
// server signs with its own second.
func (s *Server) described(req *request) string {
	signed := map[string]string{"content-md5": "", "content-type": ""}
	for _, f := range req.header {
		name := strings.ToLower(f.name)
		switch {
		case name == "content-md5", name == "content-type", name == "date", strings.HasPrefix(name, "x-image-meta-"):
			signed[name] = strings.TrimSpace(f.text())
		}
	}
	if _, ok := req.header.exact("Date"); !ok {
		signed["date"] = s.now().UTC().Format(http.TimeFormat)
	}
	var b strings.Builder
	b.WriteString(req.method + "\n")
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		if strings.HasPrefix(name, "x-image-meta-") {
			b.WriteString(name + ":")
		}
		b.WriteString(signed[name] + "\n")
	}
	b.WriteString(req.path)
	return b.String()
}
