package limit

import "time"

// Bound is a limit of what there may be at the same time: connections, bytes, rows.
type Bound int

// The bounds.
const (
	Connections Bound = iota
	ConnectionsInAll
	BodyBytes
	BodyBytesInAll
	BodyBytesOfStaff
	BodyWait
	Grace
	Slowest
	Searches
	SearchesInAll
	SearchWait
	HashesWaiting
	ProviderCalls
	CommentsPending
	CommentCalls
	CommentServers
	MentionsWaiting
	MentionsKept
	MentionKeptFor
	FeedSubscriptions
	FeedPerHost
	NoticeSubscriptions
	NoticePerHost
	Subscribers
	Buckets
)

// Unit is what a bound counts.
type Unit string

// The units.
const (
	Connection Unit = "connections"
	Byte       Unit = "bytes"
	PerSecond  Unit = "bytes_second"
	Second     Unit = "seconds"
	Day        Unit = "days"
	Row        Unit = "rows"
	Call       Unit = "calls"
)

// Text is the key of a unit's name.
func (u Unit) Text() string { return "limit.unit." + string(u) }

// Most is what the table says of a bound.
type Most struct {
	Name string // in the guide
	N    int
	Unit Unit
}

// Text is the key of the words that say what is bounded.
func (m Most) Text() string { return "limit.bound." + m.Name }

// bounds is the table.
var bounds = [...]Most{
	Connections:         {"connections", 128, Connection},
	ConnectionsInAll:    {"connections.all", 2048, Connection},
	BodyBytes:           {"bodies", 4 << 20, Byte},
	BodyBytesInAll:      {"bodies.all", 16 << 20, Byte},
	BodyBytesOfStaff:    {"bodies.staff", 64 << 20, Byte},
	BodyWait:            {"bodies.wait", 10, Second},
	Grace:               {"grace", 20, Second},
	Slowest:             {"slowest", 4 << 10, PerSecond},
	Searches:            {"searches", 1, Call},
	SearchesInAll:       {"searches.all", 2, Call},
	SearchWait:          {"searches.wait", 2, Second},
	HashesWaiting:       {"signin.waiting", 24, Call},
	ProviderCalls:       {"provider.calls", 8, Call},
	CommentsPending:     {"comments.pending", 5_000, Row},
	CommentCalls:        {"comments.calls", 16, Call},
	CommentServers:      {"comments.servers", 1_000, Row},
	MentionsWaiting:     {"mentions.waiting", 500, Row},
	MentionsKept:        {"mentions.kept", 20_000, Row},
	MentionKeptFor:      {"mentions.refused", 30, Day},
	FeedSubscriptions:   {"feeds.all", 10_000, Row},
	FeedPerHost:         {"feeds.host", 200, Row},
	NoticeSubscriptions: {"notices.all", 50_000, Row},
	NoticePerHost:       {"notices.host", 20, Row},
	Subscribers:         {"newsletter.all", 200_000, Row},
	Buckets:             {"buckets", 500_000, Row},
}

// Most is what the table says of the bound.
func (b Bound) Most() Most { return bounds[b] }

// N is the number of the bound.
func (b Bound) N() int { return bounds[b].N }

// For is the number of the bound as a time.
func (b Bound) For() time.Duration {
	if bounds[b].Unit == Day {
		return time.Duration(bounds[b].N) * 24 * time.Hour
	}
	return time.Duration(bounds[b].N) * time.Second
}

// Bounds lists the table.
func Bounds() []Most { return bounds[:] }
