// Package app builds every part from the configuration and joins them: the only
// package that knows all the others. Commands and end-to-end tests use the same
// Open and Serve.
package app
