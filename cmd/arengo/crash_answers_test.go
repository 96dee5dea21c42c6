package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
)

// crashQuestions is how many citizens ask while servers are killed.
const crashQuestions = 24

// ask lets citizens ask on the square, spread over the storm. Each question must
// be heard once and be answered once, whoever dies meanwhile.
func (c *crash) ask(over time.Duration) {
	for i := range crashQuestions {
		_, err := c.square.Say(square.Saying{By: fmt.Sprintf("cittadina_%d", i+1), Text: fmt.Sprintf("@comune Domanda numero %d: a che ora apre?", i+1)})
		if err != nil {
			c.t.Error(err)
		}
		c.hurry()
		<-time.After(over / crashQuestions)
	}
	c.hurry()
}

// hurry makes the sources due: the storm is shorter than the pace of reading.
func (c *crash) hurry() {
	c.change(func(tx *db.Tx) error {
		_, err := tx.Exec(c.t.Context(), `UPDATE source SET next_at = 0`)
		return err
	})
}

// question is a conversation as the API tells it.
type question struct {
	ID      string
	Subject string
	Waiting bool
}

// questions lists the conversations that citizens began.
func (c *crash) questions() (all []question) {
	var list struct {
		Items []question
		Next  string
	}
	for cursor := ""; ; cursor = list.Next {
		list.Items, list.Next = nil, ""
		c.call(http.MethodGet, "/conversations?limit=50&cursor="+url.QueryEscape(cursor), nil, &list)
		all = append(all, list.Items...)
		if list.Next == "" {
			return all
		}
	}
}

// answerAll answers each question once, as a careful program would, until all have
// been heard and answered.
func (c *crash) answerAll(wait *sync.WaitGroup) {
	wait.Go(func() {
		done := map[string]bool{}
		deadline := time.Now().Add(6 * time.Minute)
		for len(done) < crashQuestions && time.Now().Before(deadline) {
			for _, q := range c.questions() {
				if done[q.ID] {
					continue
				}
				done[q.ID] = true
				_, n, _ := strings.Cut(q.Subject, "numero ")
				n, _, _ = strings.Cut(n, ":")
				var a struct{ ID string }
				c.call(http.MethodPost, "/conversations/"+q.ID+"/answers", map[string]any{"text": "Risposta numero " + n + ": alle nove."}, &a)
				c.call(http.MethodPost, "/answers/"+a.ID+"/send", map[string]any{}, nil)
			}
			c.hurry()
			<-time.After(time.Second)
		}
	})
}

// judgeAnswers compares what the ledger says of the answers with what the square
// has.
func (c *crash) judgeAnswers() {
	heard := map[string]int{}
	for _, q := range c.questions() {
		heard[q.Subject]++
	}
	seen := map[string]int{}
	for _, a := range c.square.Accepted() {
		if _, text, ok := strings.Cut(a.Text, "Risposta numero "); ok {
			n, _, _ := strings.Cut(text, ":")
			seen[n]++
		}
	}
	states, strays := map[string]int{}, c.strays()
	for _, q := range c.questions() {
		var answers struct {
			Items []struct{ ID, Delivery string }
		}
		c.call(http.MethodGet, "/conversations/"+q.ID+"/answers", nil, &answers)
		if len(answers.Items) != 1 {
			c.t.Errorf("%q has %d answers, want 1", q.Subject, len(answers.Items))
			continue
		}
		state := answers.Items[0].Delivery
		states[state]++
		_, n, _ := strings.Cut(q.Subject, "numero ")
		n, _, _ = strings.Cut(n, ":")
		switch {
		case heard[q.Subject] != 1:
			c.t.Errorf("%q was heard %d times", q.Subject, heard[q.Subject])
		case seen[n] > 1+strays[answers.Items[0].ID+" "+c.channels["mastodon"]], state == "out" && seen[n] == 0:
			c.t.Errorf("the answer to %q is %s, and %d times on the square", q.Subject, state, seen[n])
		case state != "out" && state != "unconfirmed":
			c.t.Errorf("the answer to %q ended %s", q.Subject, state)
		}
	}
	if len(heard) != crashQuestions {
		c.t.Errorf("%d questions of %d were heard", len(heard), crashQuestions)
	}
	c.t.Logf("answers ended: %v", states)
}
