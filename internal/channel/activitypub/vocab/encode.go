package vocab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// ContentType is how our documents are labelled.
const ContentType = "application/activity+json"

// AcceptHeader asks a server for a document rather than for a page.
const AcceptHeader = `application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"`

// Public is the address of everybody.
const Public = "https://www.w3.org/ns/activitystreams#Public"

// context says what the words of our documents mean. Servers that read JSON-LD
// need each word that the first two addresses do not explain; the others look for
// the words themselves. The same for every document, so that nobody has to think
// which one a post needs.
const context = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{` +
	`"Hashtag":"as:Hashtag","sensitive":"as:sensitive","manuallyApprovesFollowers":"as:manuallyApprovesFollowers",` +
	`"alsoKnownAs":{"@id":"as:alsoKnownAs","@type":"@id"},"movedTo":{"@id":"as:movedTo","@type":"@id"},` +
	`"toot":"http://joinmastodon.org/ns#","discoverable":"toot:discoverable","indexable":"toot:indexable","featured":{"@id":"toot:featured","@type":"@id"},` +
	`"schema":"http://schema.org#","PropertyValue":"schema:PropertyValue","value":"schema:value",` +
	`"PostalAddress":"schema:PostalAddress","address":"schema:address","streetAddress":"schema:streetAddress","addressLocality":"schema:addressLocality",` +
	`"postalCode":"schema:postalCode","addressCountry":"schema:addressCountry","inLanguage":"schema:inLanguage","uuid":"schema:identifier","category":"schema:category",` +
	`"ical":"http://www.w3.org/2002/12/cal/ical#","mz":"https://joinmobilizon.org/ns#","joinMode":{"@id":"mz:joinMode","@type":"mz:joinModeType"},` +
	`"timezone":"mz:timezone","isOnline":"mz:isOnline","externalParticipationUrl":{"@id":"mz:externalParticipationUrl","@type":"schema:URL"},` +
	`"anonymousParticipationEnabled":"mz:anonymousParticipationEnabled","pt":"https://joinpeertube.org/ns#","commentsEnabled":"pt:commentsEnabled",` +
	`"gts":"https://gotosocial.org/ns#","interactionPolicy":{"@id":"gts:interactionPolicy","@type":"@id"},"canLike":{"@id":"gts:canLike","@type":"@id"},` +
	`"canReply":{"@id":"gts:canReply","@type":"@id"},"canAnnounce":{"@id":"gts:canAnnounce","@type":"@id"},"canQuote":{"@id":"gts:canQuote","@type":"@id"},` +
	`"automaticApproval":{"@id":"gts:automaticApproval","@type":"@id"},"manualApproval":{"@id":"gts:manualApproval","@type":"@id"},` +
	`"interactingObject":{"@id":"gts:interactingObject","@type":"@id"},"interactionTarget":{"@id":"gts:interactionTarget","@type":"@id"},` +
	`"QuoteRequest":"https://w3id.org/fep/044f#QuoteRequest","QuoteAuthorization":"https://w3id.org/fep/044f#QuoteAuthorization",` +
	`"FeatureRequest":"https://w3id.org/fep/7aa9#FeatureRequest","FeatureAuthorization":"https://w3id.org/fep/7aa9#FeatureAuthorization",` +
	`"canFeature":{"@id":"https://w3id.org/fep/7aa9#canFeature","@type":"@id"}}]`

// Encode writes a document with its @context. The same document gives the same
// bytes each time, so that its digest can be kept.
func Encode(document any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is never shown as a page
	if err := e.Encode(document); err != nil {
		return nil, fmt.Errorf("encode %T: %w", document, err)
	}
	plain := bytes.TrimSpace(b.Bytes())
	if len(plain) < 3 || plain[0] != '{' {
		return nil, fmt.Errorf("encode %T: no document", document)
	}
	out := make([]byte, 0, len(plain)+len(context)+16)
	out = append(out, `{"@context":`...)
	out = append(out, context...)
	out = append(out, ',')
	return append(out, plain[1:]...), nil
}

// Time is a moment as documents write it: whole seconds, with the offset of its
// location.
type Time struct{ time.Time }

// At is a moment in UTC, as all servers write it.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC()}
}

// MarshalJSON writes RFC 3339.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.Format(`"` + time.RFC3339 + `"`)), nil
}
