// Package api is how Arengo answers a program: the JSON kit under /api/v1.
//
// A domain declares a Route with the types of what comes in and what goes out,
// and a function; the kit does the rest, the same way for every route: bearer
// token, rate limit, permission, decoding that refuses what it does not know,
// problem+json for faults (RFC 9457) in the language of Accept-Language, repeated
// requests that are done once, and an OpenAPI 3.1 document made from those types.
//
//	api.Register(k, api.Route[GetIn, Message]{
//		Method: "GET", Path: "/messages/{id}", Summary: "Read a message", Action: people.See,
//		Do: func(ctx context.Context, in GetIn) (Message, error) { … },
//	})
//
// Where a member of In comes from is said by its tag: `path:"id"`, `query:"state"`
// (both with `json:"-"`), else it is a member of the JSON body. An Upload takes a
// file instead of JSON. `required:"true"`, `enum:"a,b"` and `doc:"…"` are enforced
// and documented.
//
// # Once
//
// A request that changes something may carry an Idempotency-Key: repeated with
// the same key it gets the first answer and changes nothing. A route with Tx runs
// in one transaction with the record of its answer, so the effect and the answer
// exist together or not at all, whatever dies when. A route with Do, which makes
// its own transactions, calls Keep in the one that has the effect and sets Keeps.
// A Do route that cannot is never repeated blindly: when its outcome was lost, the
// repetition is refused with 409 until the caller has looked.
package api
