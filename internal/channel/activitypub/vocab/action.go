package vocab

// The activities.
const (
	Create     = "Create"
	Update     = "Update"
	Delete     = "Delete"
	Follow     = "Follow"
	Accept     = "Accept"
	Reject     = "Reject"
	Undo       = "Undo"
	Like       = "Like"
	Dislike    = "Dislike"
	EmojiReact = "EmojiReact"
	Announce   = "Announce"
	Block      = "Block"
	Flag       = "Flag"
	Move       = "Move"
	Add        = "Add"
	Remove     = "Remove"

	QuoteRequest   = "QuoteRequest"   // may I show your post within mine? (FEP-044f)
	FeatureRequest = "FeatureRequest" // may I put you into my collection? (FEP-7aa9)
)

// Action is one activity of an actor of ours. Object is what it acts upon: an
// address, a list of addresses (Flag), or a document (Post, Actor, Tombstone,
// another Action).
type Action struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Actor      string   `json:"actor"`
	Object     any      `json:"object"`
	Instrument string   `json:"instrument,omitempty"` // of a request: the post or collection that it is for
	Result     string   `json:"result,omitempty"`     // of an Accept: the Grant that it gives
	Target     string   `json:"target,omitempty"`     // of a Move: where to
	Content    string   `json:"content,omitempty"`    // of a Flag: why; of an EmojiReact: the emoji
	To         []string `json:"to,omitempty"`
	CC         []string `json:"cc,omitempty"`
	Published  Time     `json:"published,omitzero"`
	Updated    Time     `json:"updated,omitzero"`
}

// Tombstone stands where a post was.
type Tombstone struct {
	ID         string
	FormerType string
	Deleted    Time
}

// MarshalJSON adds the type.
func (t Tombstone) MarshalJSON() ([]byte, error) {
	return typed(struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		FormerType string `json:"formerType,omitempty"`
		Deleted    Time   `json:"deleted,omitzero"`
	}{t.ID, "Tombstone", t.FormerType, t.Deleted})
}

// Grant says to everybody that somebody may show a post of ours within theirs, or
// put an actor of ours into a collection, for as long as it can be read.
type Grant struct {
	ID           string
	Feature      bool
	AttributedTo string // our actor
	Object       string // theirs: the post that quotes, the collection
	Target       string // ours: the post, or the actor
}

// MarshalJSON adds the type.
func (g Grant) MarshalJSON() ([]byte, error) {
	kind := "QuoteAuthorization"
	if g.Feature {
		kind = "FeatureAuthorization"
	}
	return typed(struct {
		ID           string `json:"id"`
		Type         string `json:"type"`
		AttributedTo string `json:"attributedTo"`
		Object       string `json:"interactingObject"`
		Target       string `json:"interactionTarget"`
	}{g.ID, kind, g.AttributedTo, g.Object, g.Target})
}

// Collection is an ordered collection that is read page by page, or whose content
// is nobody's business (followers: TotalItems only).
type Collection struct {
	ID         string
	TotalItems int
	First      string
	Last       string
	Items      []any // only where there are no pages
}

// MarshalJSON adds the type.
func (c Collection) MarshalJSON() ([]byte, error) {
	return typed(struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		TotalItems int    `json:"totalItems"`
		First      string `json:"first,omitempty"`
		Last       string `json:"last,omitempty"`
		Items      []any  `json:"orderedItems,omitempty"`
	}{c.ID, "OrderedCollection", c.TotalItems, c.First, c.Last, c.Items})
}

// Page is one page of a Collection, newest first.
type Page struct {
	ID     string
	PartOf string
	Next   string // older
	Prev   string
	Items  []any
}

// MarshalJSON adds the type.
func (p Page) MarshalJSON() ([]byte, error) {
	items := p.Items
	if items == nil {
		items = []any{}
	}
	return typed(struct {
		ID     string `json:"id"`
		Type   string `json:"type"`
		PartOf string `json:"partOf"`
		Next   string `json:"next,omitempty"`
		Prev   string `json:"prev,omitempty"`
		Items  []any  `json:"orderedItems"`
	}{p.ID, "OrderedCollectionPage", p.PartOf, p.Next, p.Prev, items})
}
