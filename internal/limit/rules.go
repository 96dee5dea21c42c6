package limit

import "time"

// Rule is one limit: so many attempts at once, then one every so often.
type Rule int

// The rules, by what is counted.
const (
	SignInNetwork Rule = iota
	SignInPlace
	SignInAccount
	SignInDevice
	Code
	CodeDevice
	Recovery
	Links
	ResetLetters
	Alarms
	Ceremony
	Tokens
	Provider
	OfficeLinks
	Comments
	CommentAddress
	CommentHost
	CommentServersTried
	Newsletter
	NewsletterAddress
	Mentions
	MentionSource
	Feeds
	FeedHost
	Notices
	Activities
	ActivityServer
	ActivityKeys
	ActivityKeysAll
)

// Counted is what a bucket belongs to.
type Counted string

// What attempts are counted by.
const (
	ByNetwork Counted = "network" // see Network
	ByAccount Counted = "account" // an account as typed, whether it exists or not
	ByPlace   Counted = "place"   // an account from one network
	ByDevice  Counted = "device"  // a browser that signed in before as the person
	ByPerson  Counted = "person"  // whoever tries, from wherever
	ByMailbox Counted = "mailbox" // an e-mail address that gets letters
	ByHost    Counted = "host"    // a host that we are made to call
	ByToken   Counted = "token"   // an API token
	ByTicket  Counted = "ticket"  // one question that we asked
	ByServer  Counted = "server"  // a server of the Fediverse, as one network says to be it
	ByAll     Counted = "all"     // whoever it is
)

// Line is what the table says of a rule.
type Line struct {
	Name  string // in the guide, and of the buckets: never changes
	By    Counted
	Burst int           // at once
	Every time.Duration // then one
}

// rules is the table. Every limit of attempts in the program is a line of it.
var rules = [...]Line{
	SignInNetwork:       {"signin", ByNetwork, 60, 10 * time.Second},
	SignInPlace:         {"signin.place", ByPlace, 8, time.Minute},
	SignInAccount:       {"signin.account", ByAccount, 60, 5 * time.Minute},
	SignInDevice:        {"signin.device", ByDevice, 15, time.Minute},
	Code:                {"code", ByPerson, 6, time.Hour},
	CodeDevice:          {"code.device", ByDevice, 6, 10 * time.Minute},
	Recovery:            {"recovery", ByPerson, 6, 10 * time.Minute},
	Links:               {"links", ByNetwork, 30, 10 * time.Second},
	ResetLetters:        {"reset", ByMailbox, 3, 20 * time.Minute},
	Alarms:              {"alarms", ByPerson, 2, 12 * time.Hour},
	Ceremony:            {"ceremony", ByTicket, 1, time.Hour},
	Tokens:              {"tokens", ByToken, 300, 100 * time.Millisecond},
	Provider:            {"provider", ByNetwork, 30, 10 * time.Second},
	OfficeLinks:         {"office", ByNetwork, 20, time.Minute},
	Comments:            {"comments", ByNetwork, 15, time.Minute},
	CommentAddress:      {"comments.mailbox", ByMailbox, 5, 20 * time.Minute},
	CommentHost:         {"comments.host", ByHost, 30, 20 * time.Second},
	CommentServersTried: {"comments.servers", ByAll, 60, time.Minute},
	Newsletter:          {"newsletter", ByNetwork, 30, 30 * time.Second},
	NewsletterAddress:   {"newsletter.mailbox", ByMailbox, 3, 8 * time.Hour},
	Mentions:            {"mentions", ByNetwork, 60, 5 * time.Second},
	MentionSource:       {"mentions.host", ByHost, 30, 20 * time.Second},
	Feeds:               {"feeds", ByNetwork, 60, 10 * time.Second},
	FeedHost:            {"feeds.host", ByHost, 60, 10 * time.Second},
	Notices:             {"notices", ByNetwork, 30, 30 * time.Second},
	Activities:          {"activities", ByNetwork, 3000, 10 * time.Millisecond},
	ActivityServer:      {"activities.server", ByServer, 600, 33 * time.Millisecond},
	ActivityKeys:        {"activities.keys", ByNetwork, 60, time.Second},
	ActivityKeysAll:     {"activities.keys.all", ByAll, 300, 100 * time.Millisecond},
}

// Line is what the table says of the rule.
func (r Rule) Line() Line { return rules[r] }

// Text is the key of the words that say what the rule is about.
func (l Line) Text() string { return "limit.rule." + l.Name }

// Text is the key of the words for what is counted.
func (c Counted) Text() string { return "limit.by." + string(c) }

// Rules lists the table.
func Rules() []Line { return rules[:] }
