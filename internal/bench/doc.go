// Package bench measures the figures that Ripcord promises, each as a ratio to a
// limit taken in the same run, and prints them as a table. It is built by the tag
// bench only: see `make bench` and docs/BENCHMARKS.md.
package bench
