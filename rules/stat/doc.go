// Package stat holds the statistics of the rules: functions of numbers, without
// clocks, names or windows.
//
// The heart is a mixture e-process for two streams of good and bad events. For a
// null hypothesis "the candidate is at most margin times as bad as the baseline"
// it multiplies, tick by tick, the likelihood ratio of twelve worse ratios, and
// averages the twelve products. Under the null the average has expectation at
// most 1 at every stopping time, so it may be looked at on every event: the
// chance that it ever exceeds 1/alpha is at most alpha (Ville). Everything is
// kept as a natural logarithm; "log e" below is that of the average.
package stat
