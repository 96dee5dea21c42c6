package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Options for the API of publishing.
type Options struct {
	DB        *db.DB
	Desk      *publishing.Desk
	Channels  *channel.Switchboard
	Clock     func() time.Time
	MaxUpload int64 // bytes of one file
}

type routes struct{ Options }

// Register adds the routes of publishing to the API.
func Register(k *api.Kit, o Options) {
	r := routes{o}
	k.Describe("channels", "Where messages go: one account on a square each.")
	k.Describe("deliveries", "The way of each version to its channel, and what a person decides about it.")
	k.Describe("freeze", "The stop of all that is scheduled.")
	k.Describe("media", "Photographs, videos and documents, uploaded before a message names them.")
	k.Describe("messages", "What a profile says: written, approved, scheduled, corrected, withdrawn.")
	k.Describe("profiles", "The public voices of the institution.")
	r.media(k)
	r.messages(k)
	r.acts(k)
	r.deliveries(k)
	r.channels(k)
	r.house(k)
}

// here is the institution in which the caller acts.
func here(ctx context.Context) string {
	a, _ := people.From(ctx)
	return a.InstitutionID
}

// keeping makes the answer part of the change itself.
func keeping(ctx context.Context) context.Context {
	return publishing.Along(ctx, func(ctx context.Context, tx *db.Tx, m publishing.Message) error {
		return api.Keep(ctx, tx, messageOf(m))
	})
}

type byID struct {
	ID string `json:"-" path:"id"`
}

type upload struct {
	Name string     `json:"-" query:"name" doc:"File name, when the body is the file itself."`
	File api.Upload `json:"-"`
}

func (r routes) media(k *api.Kit) {
	api.Register(k, api.Route[upload, media]{
		Method: http.MethodPost, Path: "/media", Tag: "media", ID: "uploadMedia", Action: people.Write, Status: http.StatusCreated, MaxBody: r.MaxUpload + 1<<20,
		Summary:     "Upload a photograph, a video or a document",
		Description: "The type is read from the content. Pictures, videos, DOCX and ODT lose their metadata (place, camera, author, times); a signed or encrypted document and a PDF stay as they are, and `kept` says so.",
		Do: func(ctx context.Context, in upload) (media, error) {
			name := in.File.Name
			if name == "" {
				name = in.Name
			}
			m, err := r.Desk.Upload(ctx, here(ctx), name, in.File.Reader)
			return mediaOf(m), err
		},
	})
	api.Register(k, api.Route[byID, media]{
		Method: http.MethodGet, Path: "/media/{id}", Tag: "media", Action: people.See, Summary: "Read about an uploaded file",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (media, error) {
			m, err := publishing.MediaByID(ctx, tx, here(ctx), in.ID)
			return mediaOf(m), err
		},
	})
}

type listMessages struct {
	api.Page
	State     string `json:"-" query:"state" enum:"draft,submitted,approved,scheduled,out,withdrawn"`
	ProfileID string `json:"-" query:"profile_id"`
	Text      string `json:"-" query:"text" doc:"In the title."`
}

type editMessage struct {
	ID  string `json:"-" path:"id"`
	Rev int64  `json:"rev" required:"true" doc:"The revision you read; 409 when somebody saved since."`
	content
}

func (r routes) messages(k *api.Kit) {
	api.Register(k, api.Route[listMessages, api.List[message]]{
		Method: http.MethodGet, Path: "/messages", Tag: "messages", Action: people.See, Summary: "List messages, last changed first",
		Tx: func(ctx context.Context, tx *db.Tx, in listMessages) (out api.List[message], err error) {
			f := publishing.Filter{ProfileID: in.ProfileID, Text: in.Text, Limit: in.Limit + 1}
			if in.State != "" {
				f.States = []publishing.State{publishing.State(in.State)}
			}
			if f.After.At, f.After.ID, err = api.PlaceAt(in.Cursor); err != nil {
				return out, err
			}
			found, err := publishing.List(ctx, tx, here(ctx), f)
			if err != nil {
				return out, err
			}
			all := make([]message, len(found))
			for i, m := range found {
				all[i] = messageOf(m)
			}
			return api.Cut(all, in.Limit, func(m message) string { return api.CursorAt(m.UpdatedAt, m.ID) }), nil
		},
	})
	api.Register(k, api.Route[content, message]{
		Method: http.MethodPost, Path: "/messages", Tag: "messages", Action: people.Write, Status: http.StatusCreated, Keeps: true,
		Summary: "Write a draft", Description: "Half-written content is welcome; it must be complete to be submitted.",
		Do: func(ctx context.Context, in content) (message, error) {
			m, err := r.Desk.Create(keeping(ctx), here(ctx), in.domain())
			return messageOf(m), err
		},
	})
	api.Register(k, api.Route[byID, message]{
		Method: http.MethodGet, Path: "/messages/{id}", Tag: "messages", Action: people.See, Summary: "Read a message",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (message, error) {
			m, err := publishing.ByID(ctx, tx, here(ctx), in.ID)
			return messageOf(m), err
		},
	})
	api.Register(k, api.Route[editMessage, message]{
		Method: http.MethodPut, Path: "/messages/{id}", Tag: "messages", Action: people.Write, Keeps: true,
		Summary:     "Edit a message",
		Description: "An edit takes back an approval. Of a message that is out it prepares a correction.",
		Do: func(ctx context.Context, in editMessage) (message, error) {
			m, err := r.Desk.Save(keeping(ctx), here(ctx), in.ID, in.Rev, in.domain())
			return messageOf(m), err
		},
	})
}

// act is a step of a message on its way.
type act[In any] struct {
	path, summary, description string
	action                     people.Action
	do                         func(ctx context.Context, institutionID string, in In) (publishing.Message, error)
}

func register[In any](k *api.Kit, a act[In]) {
	api.Register(k, api.Route[In, message]{
		Method: http.MethodPost, Path: "/messages/{id}/" + a.path, Tag: "messages", Action: a.action, Summary: a.summary, Description: a.description, Keeps: true,
		Do: func(ctx context.Context, in In) (message, error) {
			m, err := a.do(keeping(ctx), here(ctx), in)
			return messageOf(m), err
		},
	})
}

type approval struct {
	byID
	Hash string `json:"hash" required:"true" doc:"Of the content that was read."`
}

type reason struct {
	byID
	Reason string `json:"reason" required:"true"`
}

type plan struct {
	byID
	Due      string `json:"due" required:"true" doc:"Local time of the institution, 2026-05-04T18:30."`
	NotAfter string `json:"not_after,omitempty" doc:"It must not go out later than this."`
}

type remark struct {
	byID
	Note string `json:"note,omitempty" doc:"What citizens read about the correction."`
}

func (r routes) acts(k *api.Kit) {
	register(k, act[byID]{"submit", "Ask for approval", "Approved at once where the profile does not require four eyes.", people.Write,
		func(ctx context.Context, inst string, in byID) (publishing.Message, error) {
			return r.Desk.Submit(ctx, inst, in.ID)
		}})
	register(k, act[approval]{"approve", "Approve", "The approver is not the author. 409 when the content is no longer what was read.", people.Approve,
		func(ctx context.Context, inst string, in approval) (publishing.Message, error) {
			return r.Desk.Approve(ctx, inst, in.ID, in.Hash)
		}})
	register(k, act[reason]{"send-back", "Send back with a reason", "", people.Approve,
		func(ctx context.Context, inst string, in reason) (publishing.Message, error) {
			return r.Desk.SendBack(ctx, inst, in.ID, in.Reason)
		}})
	register(k, act[plan]{"schedule", "Choose the moment", "", people.Publish,
		func(ctx context.Context, inst string, in plan) (publishing.Message, error) {
			return r.Desk.Schedule(ctx, inst, in.ID, in.Due, in.NotAfter)
		}})
	register(k, act[byID]{"unschedule", "Take the moment away", "", people.Publish,
		func(ctx context.Context, inst string, in byID) (publishing.Message, error) {
			return r.Desk.Unschedule(ctx, inst, in.ID)
		}})
	register(k, act[byID]{"publish", "Publish now", "", people.Publish,
		func(ctx context.Context, inst string, in byID) (publishing.Message, error) {
			return r.Desk.PublishNow(ctx, inst, in.ID, "")
		}})
	register(k, act[remark]{"correct", "Publish an approved correction", "Edit and approve first. The copies that can be changed are changed.", people.Publish,
		func(ctx context.Context, inst string, in remark) (publishing.Message, error) {
			return r.Desk.Correct(ctx, inst, in.ID, in.Note)
		}})
	register(k, act[reason]{"withdraw", "Withdraw", "From the site and from every copy.", people.Publish,
		func(ctx context.Context, inst string, in reason) (publishing.Message, error) {
			return r.Desk.Withdraw(ctx, inst, in.ID, in.Reason)
		}})
}

type deliveryList struct {
	Items []delivery `json:"items"`
}

type confirmation struct {
	byID
	URL string `json:"url,omitempty" doc:"Where the person saw it."`
}

func (r routes) deliveries(k *api.Kit) {
	api.Register(k, api.Route[byID, deliveryList]{
		Method: http.MethodGet, Path: "/messages/{id}/deliveries", Tag: "deliveries", Action: people.See, Summary: "Where each variant of a message stands",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (out deliveryList, err error) {
			if _, err := publishing.ByID(ctx, tx, here(ctx), in.ID); err != nil {
				return out, err
			}
			all, err := publishing.Deliveries(ctx, tx, here(ctx), in.ID)
			for _, d := range all {
				out.Items = append(out.Items, deliveryOf(d, r.Clock()))
			}
			return out, err
		},
	})
	api.Register(k, api.Route[api.None, deliveryList]{
		Method: http.MethodGet, Path: "/deliveries/troubled", Tag: "deliveries", ID: "listTroubledDeliveries", Action: people.See, Summary: "Deliveries that are late, refused or unconfirmed, or whose time was past",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out deliveryList, err error) {
			all, err := publishing.Troubles(ctx, tx, here(ctx), r.Clock(), 100)
			for _, d := range all {
				out.Items = append(out.Items, deliveryOf(d.Delivery, r.Clock()))
			}
			return out, err
		},
	})
	steer := func(path, summary string, do func(context.Context, string, string) error) {
		api.Register(k, api.Route[byID, api.None]{
			Method: http.MethodPost, Path: "/deliveries/{id}/" + path, Tag: "deliveries", Action: people.Publish, Summary: summary,
			Do: func(ctx context.Context, in byID) (api.None, error) { return api.None{}, do(ctx, here(ctx), in.ID) },
		})
	}
	steer("retry", "Try again", r.Desk.Retry)
	steer("give-up", "Give up for good", r.Desk.GiveUp)
	api.Register(k, api.Route[confirmation, api.None]{
		Method: http.MethodPost, Path: "/deliveries/{id}/confirm", Tag: "deliveries", Action: people.Publish, Summary: "Say that an unconfirmed delivery is out",
		Do: func(ctx context.Context, in confirmation) (api.None, error) {
			return api.None{}, r.Desk.Confirm(ctx, here(ctx), in.ID, in.URL)
		},
	})
}

type channelList struct {
	Items []connection `json:"items"`
}

type profileList struct {
	Items []profile `json:"items"`
}

type freeze struct {
	Frozen  bool       `json:"frozen"`
	Reason  string     `json:"reason,omitempty"`
	Allowed []string   `json:"allowed,omitempty" doc:"Categories that go out all the same."`
	Since   *time.Time `json:"since,omitempty"`
}

type freezing struct {
	Reason  string   `json:"reason" required:"true"`
	Allowed []string `json:"allowed,omitempty"`
}

type lifting struct {
	Keep []string `json:"keep,omitempty" doc:"Messages still timely, even if their moment has passed."`
	Drop []string `json:"drop,omitempty" doc:"Messages no longer timely."`
}

func (r routes) house(k *api.Kit) {
	api.Register(k, api.Route[api.None, profileList]{
		Method: http.MethodGet, Path: "/profiles", Tag: "profiles", Action: people.See, Summary: "List the profiles",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out profileList, err error) {
			all, err := institution.Profiles(ctx, tx, here(ctx))
			for _, p := range all {
				out.Items = append(out.Items, profileOf(p))
			}
			return out, err
		},
	})
	api.Register(k, api.Route[api.None, freeze]{
		Method: http.MethodGet, Path: "/freeze", Tag: "freeze", Action: people.See, Summary: "Whether everything is frozen",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out freeze, err error) {
			f, frozen, err := publishing.CurrentFreeze(ctx, tx, here(ctx))
			if err != nil || !frozen {
				return out, err
			}
			out = freeze{Frozen: true, Reason: f.Reason, Since: moment(f.Since)}
			for _, c := range f.Allowed {
				out.Allowed = append(out.Allowed, string(c))
			}
			return out, nil
		},
	})
	api.Register(k, api.Route[freezing, api.None]{
		Method: http.MethodPost, Path: "/freeze", Tag: "freeze", Action: people.Freeze, Summary: "Freeze all that is scheduled",
		Do: func(ctx context.Context, in freezing) (api.None, error) {
			var allowed []publishing.Category
			for _, c := range in.Allowed {
				allowed = append(allowed, publishing.Category(c))
			}
			return api.None{}, r.Desk.Freeze(ctx, here(ctx), in.Reason, allowed)
		},
	})
	api.Register(k, api.Route[lifting, api.None]{
		Method: http.MethodPost, Path: "/freeze/lift", Tag: "freeze", Action: people.Freeze, Summary: "Lift the freeze, with a verdict for each message",
		Description: "A message that is not named keeps its moment if that lies ahead, and waits for a decision if it has passed.",
		Do: func(ctx context.Context, in lifting) (api.None, error) {
			verdicts := map[string]publishing.Verdict{}
			for i, id := range in.Drop {
				if slices.Contains(in.Keep, id) {
					return api.None{}, fault.InvalidField(fmt.Sprintf("drop.%d", i), "freeze.verdict.both")
				}
			}
			for _, id := range in.Keep {
				verdicts[id] = publishing.Keep
			}
			for _, id := range in.Drop {
				verdicts[id] = publishing.Drop
			}
			return api.None{}, r.Desk.Unfreeze(ctx, here(ctx), verdicts)
		},
	})
}
