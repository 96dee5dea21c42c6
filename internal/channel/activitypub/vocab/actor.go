package vocab

// The kinds of actor that we are. An institution's office is a Service or an
// Organization; the Application signs what no profile asks for.
const (
	Person       = "Person"
	Organization = "Organization"
	Service      = "Service"
	Application  = "Application"
	Group        = "Group"
)

// Actor is the document of one of our actors.
type Actor struct {
	ID                string `json:"id"`
	Type              string `json:"type"`
	PreferredUsername string `json:"preferredUsername"`
	Name              string `json:"name,omitempty"`
	Summary           string `json:"summary,omitempty"` // HTML
	URL               string `json:"url,omitempty"`

	Inbox     string     `json:"inbox"`
	Outbox    string     `json:"outbox,omitempty"`
	Followers string     `json:"followers,omitempty"`
	Following string     `json:"following,omitempty"`
	Featured  string     `json:"featured,omitempty"`
	Endpoints *Endpoints `json:"endpoints,omitempty"`
	PublicKey PublicKey  `json:"publicKey"`

	Icon       *Media  `json:"icon,omitempty"`
	Image      *Media  `json:"image,omitempty"` // the banner
	Attachment []Field `json:"attachment,omitempty"`
	Tag        []Tag   `json:"tag,omitempty"`
	Published  Time    `json:"published,omitzero"`
	Updated    Time    `json:"updated,omitzero"`

	// These three stand always: an absent one means different things to different
	// servers.
	ManuallyApprovesFollowers bool `json:"manuallyApprovesFollowers"`
	Discoverable              bool `json:"discoverable"`
	Indexable                 bool `json:"indexable"`

	InteractionPolicy *ActorPolicy `json:"interactionPolicy,omitempty"`

	AlsoKnownAs []string `json:"alsoKnownAs,omitempty"`
	MovedTo     string   `json:"movedTo,omitempty"`
}

// ActorPolicy says who may put an actor into a collection; without it nobody may.
type ActorPolicy struct {
	CanFeature Rule `json:"canFeature"`
}

// Endpoints are the addresses that all actors of a server share.
type Endpoints struct {
	SharedInbox string `json:"sharedInbox"`
}

// PublicKey is the key that proves what an actor sends (package sig).
type PublicKey struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
	PEM   string `json:"publicKeyPem"`
}

// Field is one line of an actor's table of facts.
type Field struct {
	Name  string
	Value string // HTML: a link carries rel="me"
}

// MarshalJSON adds the type.
func (f Field) MarshalJSON() ([]byte, error) {
	return typed(struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Value string `json:"value"`
	}{"PropertyValue", f.Name, f.Value})
}
