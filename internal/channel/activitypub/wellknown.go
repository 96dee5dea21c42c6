package activitypub

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/webfinger"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// jrd is an answer of WebFinger (RFC 7033, section 4.4).
type jrd struct {
	Subject string    `json:"subject"`
	Aliases []string  `json:"aliases,omitempty"`
	Links   []jrdLink `json:"links"`
}

type jrdLink struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

// answerJSON answers with a document for programs.
func answerJSON(w http.ResponseWriter, r *http.Request, kind string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return document(w, r, http.StatusOK, kind, body)
}

// webfinger says who has a name of ours, by the name or by the address of the
// actor or of its page. Fault: NotFound.
func (s *Server) webfinger(w http.ResponseWriter, r *http.Request, p place) error {
	resource := r.URL.Query().Get("resource")
	if resource == "" { // RFC 7033, 4.2
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return (&refusal{http.StatusBadRequest, s.kit.Printer(r).T("activitypub.webfinger.resource")}).answer(w)
	}
	if resource == p.instance() || strings.EqualFold(resource, "acct:"+p.host()+"@"+p.host()) {
		return answerJSON(w, r, "application/jrd+json", jrd{Subject: "acct:" + p.host() + "@" + p.host(), Aliases: []string{p.instance()},
			Links: []jrdLink{{Rel: "self", Type: activityType, Href: p.instance()}}})
	}
	var a actor
	err := s.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		a, err = s.actorWhere(r.Context(), tx, p, `a.name = $2`, resourceName(p, resource))
		if slug, ok := strings.CutPrefix(resource, p.origin+"/p/"); errors.Is(err, errNoActor) && ok {
			a, err = s.actorWhere(r.Context(), tx, p, `a.profile_id = (SELECT id FROM profile WHERE institution_id = $1 AND slug = $2)`, slug)
		}
		return err
	})
	if err != nil {
		return err
	}
	answer := jrd{Subject: "acct:" + strings.TrimPrefix(a.handle(), "@"), Aliases: []string{a.page(), a.id()}, Links: []jrdLink{
		{Rel: "http://webfinger.net/rel/profile-page", Type: "text/html", Href: a.page()},
		{Rel: "self", Type: activityType, Href: a.id()},
	}}
	return answerJSON(w, r, "application/jrd+json", answer)
}

// resourceName is the name of ours that a WebFinger resource may be; "" for none.
func resourceName(p place, resource string) string {
	if name := p.actorName(resource); name != "" {
		return name
	}
	if strings.Contains(resource, "://") {
		return ""
	}
	h, err := webfinger.ParseHandle(resource)
	if err != nil || !strings.EqualFold(h.Host, p.host()) {
		return ""
	}
	return strings.ToLower(h.User)
}

func (s *Server) nodeInfoLinks(w http.ResponseWriter, r *http.Request, p place) error {
	var links []jrdLink
	for _, v := range nodeInfoVersions() {
		links = append(links, jrdLink{Rel: nodeInfoSchema + v, Href: p.origin + "/nodeinfo/" + v})
	}
	return answerJSON(w, r, "application/json", map[string]any{"links": links})
}

const nodeInfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"

// nodeInfoVersions are those that we speak, the newest first; many programs know
// the older only.
func nodeInfoVersions() []string { return []string{"2.1", "2.0"} }

// nodeInfo describes this server to those who gather statistics (NodeInfo 2.0 and
// 2.1). It counts nobody who works here.
func (s *Server) nodeInfo(w http.ResponseWriter, r *http.Request, p place) error {
	schema := r.PathValue("version")
	if !slices.Contains(nodeInfoVersions(), schema) {
		return fault.Missing("activitypub.object.missing")
	}
	var users, posts int
	err := s.db.Read(r.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(r.Context(), `
			SELECT (SELECT count(*) FROM ap_actor WHERE institution_id = $1 AND name <> ''),
				(SELECT count(*) FROM ap_object WHERE institution_id = $1 AND public AND deleted_at = 0)`, p.ID).Scan(&users, &posts)
	})
	if err != nil {
		return err
	}
	version := s.version
	if version == "" {
		version = "0"
	}
	software := map[string]string{"name": "arengo", "version": version}
	if schema != "2.0" { // which knows no other property
		software["repository"] = "https://codeberg.org/arengo/arengo"
	}
	return answerJSON(w, r, `application/json; profile="`+nodeInfoSchema+schema+`#"`, map[string]any{
		"version":           schema,
		"software":          software,
		"protocols":         []string{"activitypub"},
		"services":          map[string]any{"inbound": []string{}, "outbound": []string{"atom1.0", "rss2.0"}},
		"openRegistrations": false,
		"usage":             map[string]any{"users": map[string]int{"total": users}, "localPosts": posts},
		"metadata":          map[string]string{"nodeName": p.Name},
	})
}

// hostMeta leads older programs to WebFinger (RFC 6415).
func (s *Server) hostMeta(w http.ResponseWriter, r *http.Request, p place) error {
	type link struct {
		Rel      string `xml:"rel,attr"`
		Type     string `xml:"type,attr"`
		Template string `xml:"template,attr"`
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		Link    link     `xml:"Link"`
	}{Link: link{"lrdd", "application/jrd+json", p.origin + "/.well-known/webfinger?resource={uri}"}})
	if err != nil {
		return err
	}
	return document(w, r, http.StatusOK, "application/xrd+xml", append([]byte(xml.Header), body...))
}

// The banner above a profile elsewhere, in pixels: the shape that Mastodon shows.
const bannerWidth, bannerHeight = 1500, 500

var colourForm = regexp.MustCompile(`^[0-9a-f]{6}$`)

// defaultColour is the blue of Italian public sites.
const defaultColour = "0066cc"

// bannerPath is where the banner in an institution's colour is.
func bannerPath(colour string) string {
	c := strings.ToLower(strings.TrimPrefix(colour, "#"))
	if !colourForm.MatchString(c) {
		c = defaultColour
	}
	return "/ap/banner/" + url.PathEscape(c+".png")
}

// showBanner paints the institution's colour, darker towards the foot.
func (s *Server) showBanner(w http.ResponseWriter, r *http.Request, _ place) error {
	c, ok := strings.CutSuffix(r.PathValue("file"), ".png")
	if !ok || !colourForm.MatchString(c) {
		return fault.Missing("activitypub.object.missing")
	}
	n, err := strconv.ParseUint(c, 16, 32)
	if err != nil {
		return err
	}
	shades := make(color.Palette, 0, 51)
	for i := range 51 {
		f := func(v uint64) uint8 { return uint8(v & 255 * uint64(200-i) / 200) }
		shades = append(shades, color.RGBA{f(n >> 16), f(n >> 8), f(n), 255})
	}
	img := image.NewPaletted(image.Rect(0, 0, bannerWidth, bannerHeight), shades)
	for y := range bannerHeight {
		row := img.Pix[y*img.Stride : y*img.Stride+bannerWidth]
		for x := range row {
			row[x] = uint8(y / 10)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	return document(w, r, http.StatusOK, "image/png", b.Bytes())
}
