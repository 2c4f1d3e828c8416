package httpin

import "github.com/prometheus/client_golang/prometheus"

// metrics are the doors' own.
type metrics struct {
	requests            *prometheus.CounterVec
	deadLetters         *prometheus.CounterVec
	events              prometheus.Counter
	doubtful, truncated prometheus.Counter
	batch               prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ripcord_ingest_requests_total", Help: "Requests at the doors for events, by door and status.",
		}, []string{"door", "code"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ripcord_ingest_dead_letters_total", Help: "Dead letters that the doors wrote, by kind of reason.",
		}, []string{"code"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ripcord_ingest_events_total", Help: "Events that were stored and acknowledged.",
		}),
		doubtful: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ripcord_ingest_doubtful_alerts_total", Help: "Alerts older than a day or from the future.",
		}),
		truncated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ripcord_ingest_truncated_alerts_total", Help: "Alerts that the sender left out of its notifications.",
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ripcord_ingest_batch_events", Help: "Events of one stored message.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.deadLetters, m.events, m.doubtful, m.truncated, m.batch)
	}
	return m
}
