// Package window holds the state of one aggregate: the samples of a sliding
// window, folded into panes.
//
// A window of length w that ends at E covers [E-w, E). Time is cut into panes
// whose edges are multiples of the pane's length since 1970, and the window holds
// every pane that it touches: exactly the window when E is such a multiple, at
// most one pane more at either end otherwise. There are at most 64 panes in it.
//
// A sample goes into the pane of its own time, whenever it comes: a late one joins
// its pane as long as the window holds it, and one that is ahead of E waits in its
// pane until E gets there. Panes exist only where samples are. What leaves is
// subtracted from a running total, so neither a sample nor a look costs more when
// the window is longer; minimum and maximum, which can not be subtracted, are
// looked up over the panes.
//
// Times are Unix nanoseconds, not negative; E never goes back.
package window
