package telegram_test

import (
	"strconv"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
)

const group = int64(-1009876543210) // the discussion group of the channel

// citizens write in the discussion group, and to the bot.
type citizens struct{ api *telegramtest.Server }

var _ channeltest.People = citizens{}

func marisa() telegramtest.User {
	return telegramtest.User{ID: 55501, First: "Marisa", Last: "Villa", Username: "marisav"}
}

func number(id string) (chat, message int64) {
	c, m, found := strings.Cut(id, "/")
	if !found {
		m, c = c, "0"
	}
	chat, _ = strconv.ParseInt(c, 10, 64)
	message, _ = strconv.ParseInt(m, 10, 64)
	return chat, message
}

func name(chat, message int64) string {
	return strconv.FormatInt(chat, 10) + "/" + strconv.FormatInt(message, 10)
}

func (c citizens) Say(_ testing.TB, text, parent string, private bool) string {
	if private {
		return name(marisa().ID, c.api.Say(marisa(), marisa().ID, text, 0))
	}
	switch in, post := number(parent); {
	case parent == "":
		return name(group, c.api.Say(marisa(), group, text, 0))
	case in == 0:
		return name(group, c.api.Comment(marisa(), chat, post, text))
	default:
		return name(in, c.api.Say(marisa(), in, text, post))
	}
}

func (c citizens) Change(_ testing.TB, id, text string) {
	chat, message := number(id)
	c.api.Change(chat, message, text)
}

func (c citizens) TakeBack(_ testing.TB, id string) {
	chat, message := number(id)
	c.api.Remove(chat, message)
}

func (c citizens) React(_ testing.TB, id string) {
	_, post := number(id)
	c.api.Counted(chat, post, map[string]int{"👍": 1})
}

func (c citizens) Answers(_ testing.TB, id string) []channeltest.Seen {
	in, asked := number(id)
	var list []channeltest.Seen
	for _, m := range c.api.Messages(in) {
		if m.ReplyTo() == asked {
			list = append(list, channeltest.Seen{ID: name(in, m.ID), Text: m.Text, Edited: m.Edited, Private: in > 0})
		}
	}
	return list
}
