package meta

import (
	"reflect"
	"testing"
	"time"
)

func TestImagesThatDifferInAnyFieldAreNotEqual(t *testing.T) {
	img := &Image{Other: map[string]string{"a": "1"}, CreatedAt: time.Unix(1, 0)}
	if same := img.Clone(); !img.Equal(same) {
		t.Error("a copy is not equal")
	}
	here := img.Clone()
	here.CreatedAt = img.CreatedAt.In(time.FixedZone("elsewhere", 3600))
	if !img.Equal(here) {
		t.Error("the same moment in another zone makes a difference")
	}
	fields := reflect.TypeFor[Image]()
	for i := range fields.NumField() {
		other := img.Clone()
		switch field := reflect.ValueOf(other).Elem().Field(i); field.Interface().(type) {
		case time.Time:
			field.Set(reflect.ValueOf(time.Unix(2, 0)))
		case map[string]string:
			field.Set(reflect.ValueOf(map[string]string{"a": "2"}))
		case int64:
			field.SetInt(7)
		default:
			field.SetString("x")
		}
		if img.Equal(other) || other.Equal(img) {
			t.Errorf("another %s makes no difference", fields.Field(i).Name)
		}
	}
}
