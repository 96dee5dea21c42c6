package mastodon

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// whoScope is what is asked for in order to learn who somebody is: nothing more.
const whoScope = "read:accounts"

// Register makes Arengo known on a server with the right to read the name of who signs
// in. It is the one call that this takes, and its result serves everybody from that
// server: keep it, it holds a secret. Errors: *channel.Error.
func (a *Adapter) Register(ctx context.Context, host, redirect string) (app []byte, err error) {
	server, apiErr := wire.Server(host, fieldServer)
	if apiErr != nil {
		return nil, apiErr
	}
	p, apiErr := a.register(ctx, server, redirect, whoScope)
	if apiErr != nil {
		return nil, apiErr
	}
	p.Verifier = ""
	if app, err = json.Marshal(p); err != nil {
		return nil, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	return app, nil
}

// Invite lets a citizen prove who they are by signing in on a server where Arengo is
// registered. It calls nobody: it returns where the person signs in; pending holds
// secrets. Errors: *channel.Error.
func (a *Adapter) Invite(app []byte, redirect, state string) (address string, pending []byte, err error) {
	var p application
	if err := json.Unmarshal(app, &p); err != nil || p.Server == "" {
		return "", nil, &channel.Error{Class: channel.Refused, Code: channel.CodeSignIn, Err: err}
	}
	p.Verifier = oauth2.GenerateVerifier()
	if pending, err = json.Marshal(p); err != nil {
		return "", nil, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	return p.oauth(redirect, whoScope).AuthCodeURL(state, oauth2.S256ChallengeOption(p.Verifier)), pending, nil
}

// Greet turns the code that came back into who signed in, and gives the right to
// read it back at once: nothing of the sign-in is kept. Errors: *channel.Error.
func (a *Adapter) Greet(ctx context.Context, pending []byte, redirect, code string) (channel.Author, error) {
	var p application
	if err := json.Unmarshal(pending, &p); err != nil || p.Server == "" {
		return channel.Author{}, &channel.Error{Class: channel.Refused, Code: channel.CodeSignIn, Err: err}
	}
	config := p.oauth(redirect, whoScope)
	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, a.http.HTTPClient()), code, oauth2.VerifierOption(p.Verifier))
	if err != nil {
		return channel.Author{}, refusedCode(err)
	}
	var who person
	c := api{http: a.http, server: p.Server, token: token.AccessToken}
	if err := c.call(ctx, http.MethodGet, "/api/v1/accounts/verify_credentials", nil, &who); err != nil {
		return channel.Author{}, err
	}
	// A server that cannot take the token back lets it be: it may only read a name.
	_ = c.call(ctx, http.MethodPost, "/oauth/revoke", map[string]string{"client_id": p.ID, "client_secret": p.Secret, "token": token.AccessToken}, nil)
	return citizen(p.Server, who)
}

// citizen is who signed in. A server speaks for its own people only: an address
// elsewhere is not believed.
func citizen(server string, who person) (channel.Author, error) {
	home, err := url.Parse(server)
	if err != nil || who.ID == "" || who.Username == "" {
		return channel.Author{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
	}
	if u, err := url.Parse(who.URL); err != nil || u.Host != home.Host || u.Scheme != home.Scheme {
		who.URL = server + "/@" + url.PathEscape(who.Username)
	}
	if who.DisplayName == "" {
		who.DisplayName = who.Username
	}
	return channel.Author{ID: server + "/" + who.ID, Handle: "@" + who.Username + "@" + home.Host, Name: who.DisplayName, URL: who.URL, Avatar: who.Avatar}, nil
}
