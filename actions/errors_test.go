package actions_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ripcord-dev/ripcord/actions"
)

func TestCodeOf(t *testing.T) {
	drift := actions.Errorf(actions.Drift, "at v3: %w", io.EOF)
	for name, c := range map[string]struct {
		err  error
		want actions.Code
	}{
		"nil has none":                    {nil, ""},
		"an error without one is unknown": {io.EOF, actions.Unknown},
		"its own":                         {drift, actions.Drift},
		"wrapped":                         {fmt.Errorf("execute: %w", drift), actions.Drift},
		"joined":                          {errors.Join(io.EOF, drift), actions.Drift},
		"the outermost of two":            {actions.Errorf(actions.Unknown, "%w", drift), actions.Unknown},
	} {
		if got := actions.CodeOf(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if !errors.Is(drift, io.EOF) || drift.Error() != "at v3: EOF" {
		t.Errorf("the cause or the text is lost: %v", drift)
	}
}
