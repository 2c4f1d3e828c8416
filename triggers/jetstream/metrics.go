package jetstream

import "github.com/prometheus/client_golang/prometheus"

// metrics are the reader's own.
type metrics struct {
	messages, events, ticks prometheus.Counter
	redelivered, retries    prometheus.Counter
	interruptions           prometheus.Counter
	gaps, regressions       prometheus.Counter
	deadLetters             *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		messages:      counter("ripcord_events_messages_total", "Messages of the events stream that were handled, replayed ones included."),
		events:        counter("ripcord_events_total", "Events in them."),
		ticks:         counter("ripcord_events_ticks_total", "Ticks that were appended to the idle stream."),
		redelivered:   counter("ripcord_events_redelivered_total", "Messages that came again and were only acknowledged."),
		retries:       counter("ripcord_events_retries_total", "Times a message was not taken and tried again."),
		interruptions: counter("ripcord_events_interruptions_total", "Times reading broke off and was begun again."),
		gaps:          counter("ripcord_events_missing_total", "Messages that are missing between two that were read."),
		regressions:   counter("ripcord_events_regressions_total", "Times the stream ended before what was read of it."),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ripcord_events_dead_letters_total", Help: "Dead letters made of messages, by kind of reason.",
		}, []string{"code"}),
	}
	if r != nil {
		r.MustRegister(m.messages, m.events, m.ticks, m.redelivered, m.retries, m.interruptions, m.gaps, m.regressions, m.deadLetters)
	}
	return m
}
