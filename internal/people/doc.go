// Package people holds who works in an institution and what each may do there.
//
// A person may serve several institutions (a shared desk), with different roles
// in each. Every rule about permission is asked in one place, Can; pages hide
// what Can refuses, and the server refuses it again.
package people
