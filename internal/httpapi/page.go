package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

// The sizes of a page.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// query is what a list was asked for.
type query struct {
	values url.Values
	limit  int
	after  string // the key of the last item of the page before; empty for the first
}

// listQuery reads limit, cursor and the named filters; anything else is refused,
// because a filter with a typo would show too much.
func listQuery(r *http.Request, filters ...string) (query, error) {
	known := append([]string{"limit", "cursor"}, filters...)
	values, err := parseQuery(r, known...)
	if err != nil {
		return query{}, err
	}
	q := query{values: values, limit: defaultLimit}
	if s := values.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return query{}, invalid(fmt.Sprintf("limit %q: want 1 to %d", s, maxLimit), "")
		}
		q.limit = n
	}
	after, err := base64.RawURLEncoding.DecodeString(values.Get("cursor"))
	if err != nil {
		return query{}, invalid("the cursor is not one of ours", "take it from next of the page before")
	}
	q.after = string(after)
	return q, nil
}

func parseQuery(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("the query can not be read", "")
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return nil, invalid(fmt.Sprintf("unknown parameter %q", name), "known here: "+strings.Join(known, ", "))
		}
		if len(given) > 1 {
			return nil, invalid(fmt.Sprintf("parameter %q is given twice", name), "")
		}
	}
	return values, nil
}

// keyed is a list's item with the key that orders it.
type keyed[T any] struct {
	key  string
	item T
}

// page cuts one page out of items. They are ordered by key, each of which is
// unique; newest first means the greatest key first. A page begins behind the key
// of the one before, so that items that come in meanwhile shift nothing.
func page[T any](items []keyed[T], q query, newestFirst bool) client.Page[T] {
	sort.Slice(items, func(i, j int) bool { return (items[i].key < items[j].key) != newestFirst })
	start := 0
	if q.after != "" {
		start = sort.Search(len(items), func(i int) bool {
			if newestFirst {
				return items[i].key < q.after
			}
			return items[i].key > q.after
		})
	}
	end := min(start+q.limit, len(items))
	p := client.Page[T]{Items: make([]T, 0, end-start)}
	for _, k := range items[start:end] {
		p.Items = append(p.Items, k.item)
	}
	if end < len(items) {
		p.Next = cursor(items[end-1].key)
	}
	return p
}

func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// timeKey orders by time, and by name within one moment.
func timeKey(t time.Time, name string) string {
	return fmt.Sprintf("%019d %s", max(t.UnixNano(), 0), name)
}
