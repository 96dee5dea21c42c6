// Package limit is how much of us a stranger may use.
//
// It holds the one notion of who a stranger is: the Network a request comes from,
// since nothing else about it is proven. It holds the table of all limits (Rules and
// Bounds), from which the program takes them and the administrator's guide prints
// them, and what counts against them: a Book for attempts, in the database, so that
// all nodes count together; a Gate for what is under way at the same time, in one
// process.
package limit
