package engine

import "github.com/prometheus/client_golang/prometheus"

// metrics are the engine's own. Labels are closed sets: entry kinds, action
// kinds, error codes.
type metrics struct {
	transitions  *prometheus.CounterVec
	append       prometheus.Histogram
	planFailures prometheus.Counter
	executions   *prometheus.HistogramVec
	decisions    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ripcord_transitions_total", Help: "Entries written to the journal, by kind.",
		}, []string{"kind"}),
		append: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ripcord_journal_append_seconds", Help: "Time to append a record to the journal.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		planFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ripcord_plan_failures_total", Help: "Plans that could not be made.",
		}),
		executions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ripcord_action_duration_seconds", Help: "Time of one attempt at a step, by kind of action and result.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 12),
		}, []string{"action", "result"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ripcord_decisions_total", Help: "Decisions of rules, by trigger kind.",
		}, []string{"trigger"}),
	}
	if r != nil {
		r.MustRegister(m.transitions, m.append, m.planFailures, m.executions, m.decisions)
	}
	return m
}
