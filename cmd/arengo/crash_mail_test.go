package main

import (
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// subscribe takes people through the double opt-in, as they would: the form, the
// letter, the link, the button.
func (c *crash) subscribe(addresses ...string) {
	c.t.Helper()
	base := "http://" + c.nodes[0].listen
	for _, a := range addresses {
		c.post(base+"/newsletter", url.Values{"email": {a}, "cadence": {"immediate"}})
	}
	for _, a := range addresses {
		var link string
		c.await("the confirmation letter to "+a, 30*time.Second, func() bool {
			for _, l := range c.letters() {
				if m := confirmation.FindString(l.text); l.to == a && m != "" {
					link = m
				}
			}
			return link != ""
		})
		c.post(base+link, url.Values{})
	}
}

var confirmation = regexp.MustCompile(`/newsletter/conferma/[A-Za-z0-9._~-]+`)

func (c *crash) post(address string, form url.Values) {
	c.t.Helper()
	r, err := http.PostForm(address, form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		c.t.Fatalf("POST %s: %d", address, r.StatusCode)
	}
}

// got is a letter that the sink has.
type got struct{ to, subject, id, text string }

// letters reads the sink's Maildir.
func (c *crash) letters() (all []got) {
	files, err := filepath.Glob(filepath.Join(c.mailbox, "new", "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			c.t.Fatal(err)
		}
		m, err := mail.ReadMessage(f)
		if err != nil {
			c.t.Fatalf("letter %s: %v", name, err)
		}
		var text strings.Builder
		// The link stands in the first part; boundaries of the parts do no harm here.
		buf := make([]byte, 64<<10)
		n, _ := quotedprintable.NewReader(m.Body).Read(buf)
		text.Write(buf[:n])
		f.Close()
		to, err := mail.ParseAddress(m.Header.Get("To"))
		if err != nil {
			c.t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, got{to.Address, subject, m.Header.Get("Message-ID"), text.String()})
	}
	return all
}

// recipient is one letter in the ledger; id is the left part of its Message-ID.
type recipient struct{ id, state string }

// recipients reads the ledger of letters, beside the servers that write it.
func (c *crash) recipients() (rows []recipient) {
	c.t.Helper()
	c.query(func(tx *db.Tx) (err error) {
		rows, err = db.All(c.t.Context(), tx, func(s db.Scanner) (r recipient, err error) { err = s.Scan(&r.id, &r.state); return r, err },
			`SELECT subscriber_id || '.' || issue_id, state FROM recipient`)
		return err
	})
	return rows
}

// query reads the database beside the servers.
func (c *crash) query(do func(*db.Tx) error) {
	c.t.Helper()
	c.beside(func(d *db.DB) error { return d.Read(c.t.Context(), do) })
}

// change writes to the servers' database beside them.
func (c *crash) change(do func(*db.Tx) error) {
	c.t.Helper()
	c.beside(func(d *db.DB) error { return d.InTx(c.t.Context(), do) })
}

// beside opens the database a second time, beside the servers.
func (c *crash) beside(do func(*db.DB) error) {
	c.t.Helper()
	where := c.database
	if where == "" {
		where = filepath.Join(c.data, "arengo.db")
	}
	d, err := db.Open(c.t.Context(), where)
	if err == nil {
		err = errors.Join(do(d), d.Close())
	}
	if err != nil {
		c.t.Error(err)
	}
}

// judgeMail compares the recipients' ledger with what the sink has: each letter
// once, or visibly unconfirmed.
func (c *crash) judgeMail() {
	c.stop()
	arrived := map[string]int{}
	for _, l := range c.letters() {
		id, _, _ := strings.Cut(strings.Trim(l.id, "<>"), "@")
		arrived[id]++
	}
	rows := c.recipients()
	if want := c.messages * 2; len(rows) != want {
		c.t.Errorf("%d letters in the ledger, want %d", len(rows), want)
	}
	states := map[string]int{}
	for _, r := range rows {
		states[r.state]++
		n := arrived[r.id]
		switch {
		case n > 1:
			c.t.Errorf("letter %s arrived %d times", r.id, n)
		case r.state == "sent" && n != 1:
			c.t.Errorf("letter %s: the ledger says sent, it arrived %d times", r.id, n)
		case r.state != "sent" && r.state != "unconfirmed":
			c.t.Errorf("letter %s ended %s", r.id, r.state)
		}
	}
	c.t.Log(fmt.Sprintf("letters ended: %v", states))
}
