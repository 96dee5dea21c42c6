// Package board shows what goes out, when and where to: the calendar, the weekly
// queue, the deliveries as they happen, the freeze, the channels.
package board
