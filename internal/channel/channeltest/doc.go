// Package channeltest is the conformance suite that every channel adapter
// passes, so that publishing may rely on all of them alike: what they say
// appears once, with its pictures and their descriptions, whatever goes wrong
// between the two machines; and every failure says truly whether it may be
// tried again.
//
// An adapter's test makes a Subject: the adapter, an account on a peer, and a
// Gate in front of the peer that cuts, delays and falsifies. The peer is the
// real server where one can be run, else a fake one that refuses what the real
// one refuses. Run judges the peer's own account of what citizens see, never
// what the adapter says it did.
//
//	func TestConformance(t *testing.T) {
//		channeltest.Run(t, func(t *testing.T) channeltest.Subject {
//			peer := square.New(square.Options{…})
//			gate := channeltest.NewGate(peer.Handler(), tooMany)
//			server := gate.Serve(t)
//			return channeltest.Subject{Adapter: mastodon.New(client), Gate: gate, …}
//		})
//	}
//
// A peer that cannot play a case names it in Subject.Cannot with the reason. The
// suite fails when a reason is missing, or when too few cases were played.
package channeltest
