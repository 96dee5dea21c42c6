package secret

// Column is a column that holds sealed texts. Each part lists its own, so that all
// of them are sealed anew when the master key changes.
type Column struct {
	Table, Column string
	Keys          []string                  // what a row is found by
	Purpose       func(key []string) string // what a row's text was sealed for
}

// Carried is a sealed text in the arguments of work that waits in the queue.
type Carried struct {
	Kind, Field string                                         // of the work, of its arguments
	Purpose     func(argument func(name string) string) string // what it was sealed for
}
