package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// Role is what a caller may do. None includes another.
type Role string

// The roles, with the words of the tokens file.
const (
	Ingest  Role = "ingest"
	Release Role = "release"
	View    Role = "view"
	Operate Role = "operate"
	Approve Role = "approve"
)

// Caller is who sent a request.
type Caller struct {
	Person incident.Person
	Roles  []Role
}

// May tells whether the caller has a role.
func (c Caller) May(role Role) bool { return slices.Contains(c.Roles, role) }

type callerKey struct{}

func withCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom is who sent the request of that context; the zero Caller, who may do
// nothing, when it did not come through the API.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// admit says who sends a request, or refuses it. Every refusal for want of a
// token looks the same.
func (a *api) admit(r *http.Request) (Caller, error) {
	if err := a.origin.Check(r); err != nil {
		return Caller{}, problem(http.StatusForbidden, "the request comes from another site's page", "")
	}
	if a.Lookup == nil {
		if !a.hostKnown(r.Host) {
			return Caller{}, problem(http.StatusForbidden, "this host name is not one of the daemon's", "use 127.0.0.1, localhost or the name in web.external_url")
		}
		return a.local(r), nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return Caller{}, errUnauthorized
	}
	caller, ok := a.Lookup(token)
	if !ok {
		return Caller{}, errUnauthorized
	}
	caller.Person.Via = via(r)
	return caller, nil
}

// local is who everybody is while the API is open: in all groups that may
// approve for any target, and with all roles.
func (a *api) local(r *http.Request) Caller {
	set := make(map[string]bool)
	for _, name := range a.Engine.Names() {
		policy, _ := a.Engine.Policy(name)
		for _, approver := range policy.Approvers {
			if group, ok := strings.CutPrefix(approver, "group:"); ok {
				set[group] = true
			}
		}
	}
	groups := make([]string, 0, len(set))
	for g := range set {
		groups = append(groups, g)
	}
	sort.Strings(groups)
	return Caller{
		Person: incident.Person{Name: a.LocalPerson, Groups: groups, Via: via(r)},
		Roles:  []Role{Ingest, Release, View, Operate, Approve},
	}
}

// via is the door's name in the journal: the command line says who it is.
func via(r *http.Request) string {
	if strings.HasPrefix(r.UserAgent(), "ripcord-cli/") {
		return "cli"
	}
	return "http"
}

// origins are the checks for requests that a browser sends: what other sites'
// pages may send (nothing that changes anything), and the names of this daemon.
func origins(external string) (*http.CrossOriginProtection, []string) {
	check := http.NewCrossOriginProtection()
	if external == "" {
		return check, nil
	}
	u, err := url.Parse(external)
	if err != nil || u.Host == "" {
		panic("httpapi: external URL " + external + " has no host")
	}
	if err := check.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		panic("httpapi: external URL: " + err.Error())
	}
	return check, []string{u.Host, u.Hostname()}
}

// hostKnown tells whether a Host header names this machine itself or the external
// URL. A page that rebinds its own name to 127.0.0.1 still sends its own name.
func (a *api) hostKnown(host string) bool {
	if slices.ContainsFunc(a.hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && ip.IsLoopback()
}
