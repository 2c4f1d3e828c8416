package config

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/rules"
)

// RuleSource is a set of rule files and what they may do.
type RuleSource struct {
	Path    string // a glob, joined with the file's directory
	Team    string
	Targets []string // patterns; empty allows all
	MaxMode rules.Mode
}

// The kinds of source in this build.
const (
	SourceAlertmanager = "alertmanager"
	SourceNATS         = "nats"
)

// Source says how events of a foreign shape become ours.
type Source struct {
	Name, Kind string
	// Target says where the target's name stands.
	Target Places
	// Subject, Type, Version and Time belong to the kind nats: the subject filter,
	// the events' type, and the fields of version and time; an empty Version means
	// whatever serves at the time, an empty Time the store time.
	Subject, Type, Version, Time string
}

// Places are where to look for a value: a token of the subject, counted from 1,
// or the first of Fields that is there.
type Places struct {
	SubjectToken int
	Fields       []string
}

func (r *reader) ruleSources(n *node, cfg *Config) {
	r.items(n, "rule_sources", func(item *node) {
		s := RuleSource{MaxMode: rules.Auto}
		r.fields(item, "the rule source", fields{
			"path":     r.glob(&s.Path),
			"team":     r.name(&s.Team),
			"targets":  r.patterns(&s.Targets, cfg),
			"max_mode": r.mode(&s.MaxMode),
		})
		r.required(item, "the rule source", "path", "team")
		cfg.RuleSources = append(cfg.RuleSources, s)
	})
}

func (r *reader) glob(into *string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a path")
		if !ok {
			return
		}
		if _, err := filepath.Match(s, ""); err != nil {
			r.errorAt(n, "* any characters, ? one, [a-z] one of a class", "%q is not a path pattern", s)
			return
		}
		*into = r.abs(s)
	}
}

// patternForm is a name in which * and ? may stand for characters.
var patternForm = regexp.MustCompile(`^[A-Za-z0-9_*?-]{1,63}$`)

// patterns reads patterns over target names; one that meets none is a warning.
func (r *reader) patterns(into *[]string, cfg *Config) func(*node) {
	return func(n *node) {
		r.items(n, "targets", func(item *node) {
			s, ok := r.scalar(item, "a target's name or pattern")
			if !ok {
				return
			}
			if !patternForm.MatchString(s) {
				r.errorAt(item, "a target's name, in which * stands for any characters and ? for one", "%q is not a pattern", s)
				return
			}
			*into = append(*into, s)
			r.later = append(r.later, func() { r.meetsTarget(item, cfg) })
		})
	}
}

func (r *reader) meetsTarget(n *node, cfg *Config) {
	for name := range cfg.Targets {
		if ok, _ := path.Match(n.Value, name); ok {
			return
		}
	}
	hint := ""
	if near := diag.Nearest(n.Value, cfg.TargetNames()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.warnAt(n, hint, "no configured target has the name %q", n.Value)
}

func (r *reader) sources(n *node, cfg *Config) {
	taken := make(map[string]bool)
	r.items(n, "sources", func(item *node) {
		kind, ok := r.kind(item, "source", SourceAlertmanager, SourceNATS)
		if !ok {
			return
		}
		s := Source{Kind: kind}
		known := fields{"kind": func(*node) {}, "name": func(n *node) { r.uniqueName(n, &s.Name, taken, "source") }}
		if kind == SourceNATS {
			r.natsSource(item, &s, known)
		} else {
			r.alertSource(item, &s, known)
		}
		cfg.Sources = append(cfg.Sources, s)
	})
}

func (r *reader) alertSource(item *node, s *Source, known fields) {
	known["target"] = r.fieldList(&s.Target.Fields)
	r.fields(item, "a source of kind alertmanager", known)
	r.required(item, "the source", "name")
	if s.Target.Fields == nil {
		s.Target.Fields = []string{"labels.ripcord_target"}
	}
}

func (r *reader) natsSource(item *node, s *Source, known fields) {
	known["subject"] = r.subject(&s.Subject)
	known["type"] = r.name(&s.Type)
	known["target"] = r.places(s)
	known["version"] = r.text(&s.Version)
	known["time"] = r.text(&s.Time)
	r.fields(item, "a source of kind nats", known)
	r.required(item, "the source", "name", "subject", "type", "target")
}

// subject reads a subject filter, which must not reach into Ripcord's own.
func (r *reader) subject(into *string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a subject")
		if !ok {
			return
		}
		if why := badSubject(s); why != "" {
			r.errorAt(n, "such as score.> or orders.*.paid", "%q is not a subject to read from: %s", s, why)
			return
		}
		*into = s
	}
}

func badSubject(s string) string {
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return "it has an empty token"
		case strings.ContainsAny(t, " \t"):
			return "a token holds white space"
		case t == ">" && i < len(tokens)-1:
			return "> stands only at the end"
		case len(t) > 1 && strings.ContainsAny(t, "*>"):
			return "a wildcard is a whole token"
		}
	}
	switch first := tokens[0]; {
	case first == ">" || first == "*" || first == "ripcord":
		return "it would take in Ripcord's own messages"
	case strings.HasPrefix(first, "$"), first == "_INBOX":
		return "it belongs to the server"
	}
	return ""
}

// places reads {subject_token: 2} or a list of fields.
func (r *reader) places(s *Source) func(*node) {
	return func(n *node) {
		if n.Kind != mapping {
			r.fieldList(&s.Target.Fields)(n)
			return
		}
		r.fields(n, "target", fields{
			"subject_token": func(n *node) {
				r.integer(&s.Target.SubjectToken, 1, 32)(n)
				r.later = append(r.later, func() { r.tokenInSubject(n, s.Target.SubjectToken, s.Subject) })
			},
		})
		r.required(n, "target", "subject_token")
	}
}

func (r *reader) tokenInSubject(n *node, at int, subject string) {
	if at == 0 || subject == "" {
		return // told already
	}
	tokens := strings.Split(subject, ".")
	open := tokens[len(tokens)-1] == ">"
	switch {
	case at > len(tokens) && !open:
		r.errorAt(n, "tokens are counted from 1", "the subject %s has %d tokens", subject, len(tokens))
	case at <= len(tokens) && tokens[at-1] != "*" && tokens[at-1] != ">":
		r.errorAt(n, "name a token that is a wildcard", "token %d of %s is always %q", at, subject, tokens[at-1])
	}
}

// fieldList reads one field's name or a list of them.
func (r *reader) fieldList(into *[]string) func(*node) {
	return func(n *node) {
		add := func(n *node) {
			if s, ok := r.scalar(n, "a field's name"); ok {
				*into = append(*into, s)
			}
		}
		if n.Kind == scalar {
			add(n)
			return
		}
		r.items(n, "target", add)
	}
}
