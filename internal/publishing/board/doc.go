// Package board shows what goes out, when and where to: the calendar, the weekly
// queue, the deliveries as they happen, what must be done by hand, the freeze,
// the channels. Its pages work without JavaScript; with it, the calendar can be
// rearranged by dragging or with the arrow keys, and the deliveries move by
// themselves.
package board
