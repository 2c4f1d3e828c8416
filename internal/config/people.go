package config

import "regexp"

// slackForm is a team's and a user's id, as Slack shows them in a profile.
var slackForm = regexp.MustCompile(`^[TE][A-Z0-9]*/[UW][A-Z0-9]*$`)

func (r *reader) people(n *node, into map[string]Person) {
	slack := make(map[string]string) // id → who has it
	r.each(n, "people", func(key, value *node) {
		if !r.isName(key) {
			return
		}
		var p Person
		r.fields(value, "the person "+key.Value, fields{
			"slack":  func(n *node) { r.slackID(n, key.Value, &p.Slack, slack) },
			"groups": r.names(&p.Groups, "groups"),
		})
		into[key.Value] = p
	})
}

// slackID reads an id, which one person has: nobody approves twice.
func (r *reader) slackID(n *node, who string, into *string, taken map[string]string) {
	s, ok := r.scalar(n, "a Slack id")
	if !ok {
		return
	}
	if !slackForm.MatchString(s) {
		r.errorAt(n, "TEAM/USER such as T024BE7LD/U023BECGF: names can be changed, ids can not", "%q is not a Slack id", s)
		return
	}
	if other, twice := taken[s]; twice {
		r.errorAt(n, "one person, one entry", "%s has this Slack id already", other)
		return
	}
	taken[s] = who
	*into = s
}
