//go:build bench

package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ripcord-dev/ripcord/internal/cluster"
)

// row is one figure. A goal is never asserted: the table says whether it is met.
type row struct {
	what, limit, ours, ratio, goal string
	met                            bool
}

var table struct {
	sync.Mutex
	rows []row
}

func add(r row) {
	table.Lock()
	defer table.Unlock()
	table.rows = append(table.rows, r)
}

// idleServer in the environment makes this program the embedded server alone, on
// the directory that it names: what the daemon at rest is compared with.
const idleServer = "RIPCORD_BENCH_IDLE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(idleServer); dir != "" {
		if _, err := cluster.Open(bg, cluster.Config{Dir: dir}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	}
	code := m.Run()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "| what\t| limit or peer\t| ours\t| ratio\t| goal\t| met |")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|--- |")
	for _, r := range table.rows {
		met := "NO"
		switch {
		case r.goal == "—":
			met = "—"
		case r.met:
			met = "yes"
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s |\n", r.what, r.limit, r.ours, r.ratio, r.goal, met)
	}
	w.Flush()
	os.Exit(code)
}

// quantile is the q-quantile of the durations, which it sorts.
func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// spread is the median with the lowest and the highest.
func spread(format string, all []float64) string {
	m := median(all)
	return fmt.Sprintf(format+" ("+format+"–"+format+")", m, all[0], all[len(all)-1])
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// event is the event of the design, made distinct by n.
func event(n int64) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"scorer-7","type":"prediction","time":"%s","data":{"target":"t00","version":"v2","decision":"block","score":0.93,"latency_ms":41,"age_band":"18-25","prediction_id":"p-1"}}`,
		n, time.Now().UTC().Format(time.RFC3339Nano))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rounds is how often each side of a ratio is measured, one after the other.
const rounds = 5

// each runs the work n times, split over some workers, and gives the rate.
func each(n, workers int, do func()) float64 {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	began := time.Now()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range left {
				do()
			}
		})
	}
	group.Wait()
	return float64(n) / time.Since(began).Seconds()
}

func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return strings.TrimSpace(s)
}
