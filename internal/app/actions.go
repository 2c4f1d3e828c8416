package app

import (
	"errors"
	"fmt"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/files"
	"github.com/ripcord-dev/ripcord/actions/remote"
	"github.com/ripcord-dev/ripcord/internal/config"
)

// Registry knows every kind of action of this build. A new kind is one line here.
func Registry() (*actions.Registry, error) {
	r := actions.NewRegistry()
	return r, errors.Join(
		r.Register("files/link", files.New),
		r.Register("webhook", remote.NewWebhook),
	)
}

// buildActions makes the configured steps of every target; it reports all that
// are wrong.
func buildActions(cfg *config.Config) (map[string]map[string]actions.Action, error) {
	registry, err := Registry()
	if err != nil {
		return nil, err
	}
	built := make(map[string]map[string]actions.Action)
	var problems []error
	for _, target := range cfg.TargetNames() {
		built[target] = make(map[string]actions.Action)
		for _, step := range cfg.Steps(target) {
			action, err := registry.Build(step.Kind, step.Settings)
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: target %s, step %s: %w", cfg.File, target, step.ID, err))
				continue
			}
			built[target][step.ID] = action
		}
	}
	return built, errors.Join(problems...)
}
