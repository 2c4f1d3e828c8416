package actions_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

func samplePlan() actions.Plan {
	p := actions.Plan{
		Target: "scorer", Incident: "inc-1", Stage: "artifact", From: "v42", To: "v41",
		Steps: []actions.Step{{
			ID: "artifact/0", Kind: "files/link", Place: "/srv/current",
			From: actions.Revision{Rev: "v42", Digest: "sha256:aa"}, To: actions.Revision{Rev: "v41", Digest: "sha256:bb"},
			Pre: []string{"uid=7"}, Class: actions.ClassA, ETA: time.Second, Text: "switch",
		}},
		Expires: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
	p.Seal()
	return p
}

func TestDigestIsStable(t *testing.T) {
	const want = "sha256:6418877789e8631a55efab1688863b0fa712ad8e8a806b6ec4a3a68caa5033c1"
	p := samplePlan()
	if p.Digest != want {
		t.Errorf("digest is %s, want %s: journaled plans of older versions would not check any more", p.Digest, want)
	}
	p.Seal()
	if p.Digest != want {
		t.Errorf("sealing again gives %s", p.Digest)
	}
}

// The digest covers every field that a plan has now and will have, but the
// volatile ones.
func TestDigestCoversEveryField(t *testing.T) {
	volatile := map[string]bool{"Plan.Expires": true, "Plan.Digest": true, "Step.ETA": true}
	seen := map[string]bool{}
	var visit func(v reflect.Value, change func(field string, of reflect.Value))
	visit = func(v reflect.Value, change func(string, reflect.Value)) {
		for i := range v.NumField() {
			name, field := v.Type().Name()+"."+v.Type().Field(i).Name, v.Field(i)
			switch {
			case field.Kind() == reflect.Struct && field.Type() != reflect.TypeFor[time.Time]():
				visit(field, change)
			case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
				visit(field.Index(0), change)
			default:
				change(name, field)
			}
		}
	}
	p := samplePlan()
	visit(reflect.ValueOf(&p).Elem(), func(name string, field reflect.Value) {
		seen[name] = true
		old := reflect.ValueOf(field.Interface())
		alter(t, name, field)
		if changed := p.Check() != nil; changed == volatile[name] && name != "Plan.Digest" {
			t.Errorf("changing %s: digest changes = %v, volatile = %v", name, changed, volatile[name])
		}
		field.Set(old)
		if err := p.Check(); err != nil {
			t.Fatalf("after %s was put back: %v", name, err)
		}
	})
	for name := range volatile {
		if !seen[name] {
			t.Errorf("%s does not exist", name)
		}
	}
}

func alter(t *testing.T, name string, field reflect.Value) {
	t.Helper()
	switch v := field.Interface().(type) {
	case string, actions.Class:
		field.SetString(field.String() + "x")
	case int, time.Duration:
		field.SetInt(field.Int() + 1)
	case []string:
		field.Set(reflect.ValueOf(append([]string{"x"}, v...)))
	case time.Time:
		field.Set(reflect.ValueOf(v.Add(time.Hour)))
	default:
		t.Fatalf("%s has a type that this test cannot change: %T", name, v)
	}
}

func TestDigestDistinguishesStepsFromTheirOrder(t *testing.T) {
	p := samplePlan()
	second := p.Steps[0]
	second.ID = "artifact/1"
	p.Steps = append(p.Steps, second)
	p.Seal()
	forward := p.Digest
	p.Steps[0], p.Steps[1] = p.Steps[1], p.Steps[0]
	if p.Check() == nil {
		t.Errorf("steps in another order have the digest %s too", forward)
	}
}

func TestShort(t *testing.T) {
	for name, c := range map[string]struct{ digest, want string }{
		"a sha256 gives twelve digits":    {"sha256:0123456789abcdef0123", "0123456789ab"},
		"something else is left as it is": {"stat:0123456789abcdef0123", "stat:0123456789abcdef0123"},
		"what is short already stays":     {"sha256:0123", "sha256:0123"},
		"nothing stays nothing":           {"", ""},
	} {
		if got := actions.Short(c.digest); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
