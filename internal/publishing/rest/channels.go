package rest

import (
	"context"
	"net/http"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// wish is a channel to connect. What must be typed differs by platform; a secret
// is stored encrypted and never shown again.
type wish struct {
	ProfileID  string            `json:"profile_id" required:"true"`
	Platform   string            `json:"platform" required:"true" doc:"mastodon, bluesky, telegram, email."`
	Name       string            `json:"name,omitempty" doc:"As the officer calls it; default: the account's name."`
	ChannelID  string            `json:"channel_id,omitempty" doc:"To connect an existing channel again."`
	Visibility string            `json:"visibility,omitempty" enum:"public,unlisted" doc:"Of the Mastodon API only."`
	Typed      map[string]string `json:"typed,omitempty" doc:"The entries of the platform's form: server, token, handle, password, chat."`
}

func (r routes) channels(k *api.Kit) {
	api.Register(k, api.Route[api.None, channelList]{
		Method: http.MethodGet, Path: "/channels", Tag: "channels", Action: people.See, Summary: "List the connected channels",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out channelList, err error) {
			all, err := channel.List(ctx, tx, here(ctx))
			for _, c := range all {
				out.Items = append(out.Items, connectionOf(c, r.Channels.Capabilities(c)))
			}
			return out, err
		},
	})
	api.Register(k, api.Route[wish, connection]{
		Method: http.MethodPost, Path: "/channels", Tag: "channels", ID: "connectChannel", Action: people.Configure, Status: http.StatusCreated,
		Summary: "Connect a channel", Description: "The account is tested with the platform; nothing is published.",
		Do: func(ctx context.Context, in wish) (connection, error) {
			if in.Visibility != "" && channel.Platform(in.Platform) != channel.Mastodon {
				return connection{}, fault.InvalidField("visibility", "channel.visibility.none")
			}
			typed := map[string]string{}
			for name, text := range in.Typed {
				typed[name] = text
			}
			c, err := r.Channels.Connect(ctx, channel.Wish{InstitutionID: here(ctx), ProfileID: in.ProfileID, Platform: channel.Platform(in.Platform),
				ChannelID: in.ChannelID, Name: in.Name, Options: channel.Options{Visibility: in.Visibility}}, typed)
			if err != nil {
				return connection{}, err
			}
			return connectionOf(c, r.Channels.Capabilities(c)), r.DB.InTx(ctx, func(tx *db.Tx) error {
				return r.Desk.Resume(ctx, tx, here(ctx), c.ID)
			})
		},
	})
	api.Register(k, api.Route[byID, connection]{
		Method: http.MethodPost, Path: "/channels/{id}/test", Tag: "channels", Action: people.Configure, Summary: "Test a channel without publishing",
		Do: func(ctx context.Context, in byID) (connection, error) {
			c, err := r.Channels.TestNow(ctx, here(ctx), in.ID)
			return connectionOf(c, r.Channels.Capabilities(c)), err
		},
	})
	api.Register(k, api.Route[byID, api.None]{
		Method: http.MethodPost, Path: "/channels/{id}/disconnect", Tag: "channels", Action: people.Configure, Summary: "Disconnect a channel for good",
		Description: "Its secret is erased; what went out through it stays on record.",
		Do: func(ctx context.Context, in byID) (api.None, error) {
			return api.None{}, r.Channels.Cut(ctx, here(ctx), in.ID)
		},
	})
}
