package board

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// Stream is the address of the server-sent events that announce what changed in
// the institution: message, delivery, channel, publication. They carry no
// content: a page that hears one reads its own region again.
const Stream = "/redazione/eventi-vivi"

func (b *Board) live(w http.ResponseWriter, r *http.Request) error {
	v, err := b.visit(r, people.See)
	if err != nil {
		return err
	}
	notices := b.DB.Listen(r.Context())
	events := make(chan web.Event)
	go func() {
		defer close(events)
		for {
			select {
			case <-r.Context().Done():
				return
			case n := <-notices:
				if n.About != v.inst.ID {
					continue
				}
				select {
				case events <- web.Event{Name: n.Topic, Data: n.Topic}:
				case <-r.Context().Done():
					return
				}
			}
		}
	}()
	return b.Kit.Events(w, r, v.actor.PersonID, events)
}
