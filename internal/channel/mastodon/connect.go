package mastodon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// The entries of the form.
const (
	fieldServer = "server"
	fieldToken  = "token"
)

// scopes are what the token may do: publish, and read what came of it.
const scopes = "read write"

// ConnectFields are the server, and a token for who does not sign in there.
func (*Adapter) ConnectFields() []channel.ConnectField {
	return []channel.ConnectField{{Name: fieldServer}, {Name: fieldToken, Secret: true}}
}

// Connect connects with a token made on the server, under Preferences,
// Development.
func (a *Adapter) Connect(ctx context.Context, typed map[string]string) (channel.Account, error) {
	server, err := typedServer(typed)
	if err != nil {
		return channel.Account{}, err
	}
	token, err := wire.Typed(typed, fieldToken)
	if err != nil {
		return channel.Account{}, err
	}
	account, err := a.connect(ctx, server, token)
	if err != nil {
		return channel.Account{}, err
	}
	return account, nil
}

func typedServer(typed map[string]string) (string, *channel.Error) {
	value, err := wire.Typed(typed, fieldServer)
	if err != nil {
		return "", err
	}
	return wire.Server(value, fieldServer)
}

func (a *Adapter) connect(ctx context.Context, server, token string) (channel.Account, *channel.Error) {
	c := api{http: a.http, server: server, token: token}
	h, who, err := c.examine(ctx)
	if err != nil {
		err.Field = fieldServer
		if err.Class == channel.Revoked {
			err.Field = fieldToken
		}
		return channel.Account{}, err
	}
	secret, jsonErr := json.Marshal(credentials{Token: token, UserID: who.ID})
	if jsonErr != nil {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: jsonErr}
	}
	return channel.Account{Server: server, Handle: h.Handle, URL: h.URL, Names: h.Names, Limits: h.Limits, Secret: secret}, nil
}

// application is what Arengo is on a server, and what it must remember until the
// person comes back.
type application struct {
	Server   string `json:"server"`
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret"`
	Verifier string `json:"verifier"` // PKCE, RFC 7636
}

func (p application) oauth(redirect, scopes string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ID, ClientSecret: p.Secret, RedirectURL: redirect, Scopes: []string{scopes},
		Endpoint: oauth2.Endpoint{
			AuthURL: p.Server + "/oauth/authorize", TokenURL: p.Server + "/oauth/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// Authorize registers Arengo on the server and returns where the person signs in.
func (a *Adapter) Authorize(ctx context.Context, typed map[string]string, redirect, state string) (string, []byte, error) {
	server, apiErr := typedServer(typed)
	if apiErr != nil {
		return "", nil, apiErr
	}
	pending, apiErr := a.register(ctx, server, redirect, scopes)
	if apiErr != nil {
		return "", nil, apiErr
	}
	kept, err := json.Marshal(pending)
	if err != nil {
		return "", nil, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	return pending.oauth(redirect, scopes).AuthCodeURL(state, oauth2.S256ChallengeOption(pending.Verifier)), kept, nil
}

// register makes Arengo known on a server (POST /api/v1/apps): every server wants
// its own registration.
func (a *Adapter) register(ctx context.Context, server, redirect, scopes string) (application, *channel.Error) {
	pending := application{Server: server, Verifier: oauth2.GenerateVerifier()}
	c := api{http: a.http, server: server}
	wanted := map[string]string{"client_name": "Arengo", "redirect_uris": redirect, "scopes": scopes}
	if err := c.call(ctx, http.MethodPost, "/api/v1/apps", wanted, &pending); err != nil {
		err.Field = fieldServer
		if err.Class != channel.Transient {
			err.Class, err.Code = channel.Refused, channel.CodeNotAPI
		}
		return pending, err
	}
	pending.Server = server
	if pending.ID == "" || pending.Secret == "" {
		return pending, &channel.Error{Class: channel.Refused, Code: channel.CodeNotAPI, Field: fieldServer}
	}
	return pending, nil
}

// Redeem exchanges the code for a token, which does not expire, and connects
// with it.
func (a *Adapter) Redeem(ctx context.Context, kept []byte, redirect, code string) (channel.Account, error) {
	var pending application
	if err := json.Unmarshal(kept, &pending); err != nil || pending.Server == "" {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeSignIn, Field: fieldServer, Err: err}
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, a.http.HTTPClient())
	token, err := pending.oauth(redirect, scopes).Exchange(ctx, code, oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		return channel.Account{}, refusedCode(err)
	}
	account, apiErr := a.connect(ctx, pending.Server, token.AccessToken)
	if apiErr != nil {
		return channel.Account{}, apiErr
	}
	return account, nil
}

// refusedCode classifies why there is no token.
func refusedCode(err error) *channel.Error {
	var answer *oauth2.RetrieveError
	var sent *url.Error
	switch {
	case errors.As(err, &answer):
		e := wire.Status(answer.Response.StatusCode, wire.Repeatable)
		if e.Class != channel.Transient { // a code that was used, or has ended: the person signs in again
			e.Class, e.Code = channel.Refused, channel.CodeSignIn
		}
		e.Field, e.Detail = fieldServer, answer.ErrorCode
		return e
	case errors.As(err, &sent):
		e := wire.Lost(err, wire.Repeatable)
		e.Field = fieldServer
		return e
	}
	return &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Field: fieldServer}
}
