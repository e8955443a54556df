package fs

import (
	"reflect"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// silentFS answers each request as it is told to.
type silentFS struct {
	fuse.RawFileSystem
	status fuse.Status
}

func (s silentFS) GetAttr(<-chan struct{}, *fuse.GetAttrIn, *fuse.AttrOut) fuse.Status {
	return s.status
}

func (s silentFS) Lookup(<-chan struct{}, *fuse.InHeader, string, *fuse.EntryOut) fuse.Status {
	return s.status
}

func TestRequestsAreCountedByOutcome(t *testing.T) {
	m := &measured{}
	for _, status := range []fuse.Status{fuse.OK, fuse.OK, fuse.EIO, fuse.Status(100_000)} {
		m.RawFileSystem = silentFS{status: status}
		if got := m.GetAttr(nil, nil, nil); got != status {
			t.Errorf("%v became %v", status, got)
		}
	}
	m.RawFileSystem = silentFS{}
	m.Lookup(nil, nil, "", &fuse.EntryOut{}) // an entry that is none
	m.Lookup(nil, nil, "", &fuse.EntryOut{NodeId: 2})
	got := make(map[string]map[string]int64)
	for _, o := range m.operations() {
		got[o.Name] = o.Outcomes
	}
	want := map[string]map[string]int64{
		"getattr": {"ok": 2, "EIO": 1, "other": 1},
		"lookup":  {"ok": 1, "ENOENT": 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Whatever the kernel may ask for is counted: a request that go-fuse learns of is one here.
func TestEveryRequestIsMeasured(t *testing.T) {
	inner := reflect.TypeFor[fuse.RawFileSystem]()
	outer := reflect.TypeFor[*measured]()
	notRequests := map[string]bool{"String": true, "SetDebug": true, "Init": true, "OnUnmount": true}
	for i := range inner.NumMethod() {
		name := inner.Method(i).Name
		if notRequests[name] {
			continue
		}
		m := &measured{RawFileSystem: fuse.NewDefaultRawFileSystem()}
		method := reflect.ValueOf(m).MethodByName(name)
		args := make([]reflect.Value, method.Type().NumIn())
		for i := range args {
			if in := method.Type().In(i); in.Kind() == reflect.Pointer {
				args[i] = reflect.New(in.Elem())
			} else {
				args[i] = reflect.Zero(in)
			}
		}
		method.Call(args)
		if name == "Writev" { // ENOSYS: Write follows
			continue
		}
		if all := m.operations(); len(all) != 1 || all[0].Count != 1 {
			t.Errorf("%s of %v counts as %+v", name, outer, all)
		}
	}
}

func TestEachOperationHasAName(t *testing.T) {
	seen := make(map[string]bool)
	for op, name := range operationNames {
		if name == "" || seen[name] {
			t.Errorf("operation %d is %q", op, name)
		}
		seen[name] = true
	}
}

func BenchmarkMeasured(b *testing.B) {
	for name, fs := range map[string]fuse.RawFileSystem{
		"bare":     silentFS{},
		"measured": &measured{RawFileSystem: silentFS{}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				fs.GetAttr(nil, nil, nil)
			}
		})
	}
}
