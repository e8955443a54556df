package visserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visserver"
)

func (v *vis) getAt(date string) reply {
	v.t.Helper()
	r, err := http.NewRequest("GET", v.http.URL+"/images", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	signAt(r, "foo", date)
	return v.send(r)
}

func in(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }

func TestDateFarFromTheClockIsRefused(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("x", "")
	for date, message := range map[string]string{
		"":                              "The request has no Date",
		"today":                         "The request's Date 'today' is not a time: write one like ",
		"2026-11-24":                    "is not a time",
		in(-2 * time.Hour):              "The request's Date is 2h0m",
		in(-20 * time.Minute):           "behind the server's clock; set the clock",
		in(20 * time.Minute):            "ahead of the server's clock; set the clock",
		"Tue, 24 Nov 2009 03:58:41 GMT": "behind",
	} {
		v.getAt(date).wantError(t, 403, message)
	}
	for _, d := range []time.Duration{0, -14 * time.Minute, 14 * time.Minute} {
		if r := v.getAt(in(d)); r.StatusCode != 200 {
			t.Errorf("%s off: %s %s", d, r.Status, r.body)
		}
	}
}

func TestDateSkewIsAnOption(t *testing.T) {
	v := start(t, visserver.Options{DateSkew: time.Hour})
	v.post("x", "")
	if r := v.getAt(in(-50 * time.Minute)); r.StatusCode != 200 {
		t.Errorf("within an hour: %s", r.Status)
	}
	v.getAt(in(-70*time.Minute)).wantError(t, 403, "set the clock")

	v = start(t, visserver.Options{DateSkew: -1})
	v.post("x", "")
	for _, date := range []string{"", "today", in(-10000 * time.Hour)} {
		if r := v.getAt(date); r.StatusCode != 200 {
			t.Errorf("Date %q with the limit off: %s", date, r.Status)
		}
	}
}

func TestWrongSignatureSaysNothingOfTheDate(t *testing.T) {
	v := start(t, visserver.Options{})
	r, _ := http.NewRequest("GET", v.http.URL+"/images", nil)
	r.Header.Set("Authorization", "VISOR foo:AAAA")
	r.Header.Set("Date", "today")
	v.send(r).wantError(t, 403, "signatures do not match")
}
