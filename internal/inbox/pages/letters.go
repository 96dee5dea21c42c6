package pages

import (
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// lettersPath is the address of the letters that were put aside.
const lettersPath = deskPath + "/lettere"

// lettersPage are the letters that wait for a person, and those that were left out.
type lettersPage struct {
	Held, LeftOut []asideRow
	HeldAll       int
	Counts        []string // of what was left out, by why
	Done          []string // what became of the others
	Most          int      // of each list; 0 when all are shown
	MayAnswer     bool
}

// asideRow is a letter in words.
type asideRow struct {
	inbox.Aside
	From, Title, Reason string
	Text, Files         string
	Waits               bool // it is held: nobody has decided
	When                time.Time
}

// asideShown bounds the text of each letter on the page, in characters: enough to know
// what it is. All of it is there once it is taken in.
const asideShown = 3000

// letters shows what did not become a conversation.
func (p *Pages) letters(w http.ResponseWriter, r *http.Request, v visit) error {
	page := lettersPage{MayAnswer: v.actor.May(people.Answer)}
	err := p.db.Read(r.Context(), func(tx *db.Tx) error {
		counts, err := inbox.AsideCounts(r.Context(), tx, v.inst.ID)
		if err != nil {
			return err
		}
		v.count(&page, counts)
		for held, list := range map[bool]*[]asideRow{true: &page.Held, false: &page.LeftOut} {
			all, err := inbox.Asides(r.Context(), tx, v.inst.ID, held)
			if err != nil {
				return err
			}
			if len(all) == inbox.MaxAside {
				page.Most = inbox.MaxAside
			}
			for _, a := range all {
				*list = append(*list, v.aside(a))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.kit.Render(w, r, http.StatusOK, "inbox/letters", page)
}

func (v visit) count(page *lettersPage, counts []inbox.AsideCount) {
	sums := map[inbox.AsideState]int{}
	for _, c := range counts {
		sums[c.State] += c.N
		if c.State == inbox.AsideLeftOut {
			page.Counts = append(page.Counts, v.p.T("inbox.page.letters.why."+string(c.Why))+": "+v.p.Number(c.N))
		}
	}
	page.HeldAll = sums[inbox.AsideHeld]
	for _, one := range []struct {
		state inbox.AsideState
		key   string
	}{{inbox.AsideJoined, "inbox.page.letters.joined"}, {inbox.AsideTaken, "inbox.page.letters.decided.taken"}, {inbox.AsideLetGo, "inbox.page.letters.decided.let_go"}} {
		if n := sums[one.state]; n > 0 {
			page.Done = append(page.Done, v.p.T(one.key, n))
		}
	}
}

func (v visit) aside(a inbox.Aside) asideRow {
	row := asideRow{Aside: a, Waits: a.State == inbox.AsideHeld, Title: a.Subject, When: a.SaidAt, Reason: v.p.T("inbox.page.letters.why." + string(a.Why)),
		From: v.p.T("inbox.page.letters.from", a.Author, a.ChannelName), Text: a.Said.Text}
	if row.Title == "" {
		row.Title = v.p.T("inbox.page.of", a.Author)
	}
	if a.Said.Whole != "" && a.Said.Report == nil {
		row.Text = a.Said.Whole
	}
	if r := []rune(row.Text); len(r) > asideShown {
		row.Text = string(r[:asideShown]) + "…"
	}
	var names []string
	for _, f := range a.Said.Files {
		names = append(names, f.Name)
	}
	if len(names) > 0 {
		row.Files = v.p.T("inbox.page.letters.files", strings.Join(names, ", "))
	}
	return row
}

// takeIn makes a conversation of a letter.
func (p *Pages) takeIn(w http.ResponseWriter, r *http.Request, v visit) error {
	id := ""
	return p.onLetter(w, r, v, "inbox.page.letters.taken", func(channelID, letter string) (err error) {
		id, err = p.inbox.TakeIn(r.Context(), v.inst.ID, channelID, letter)
		return err
	}, func() string { return conversationPath(id) })
}

// letGo decides that a letter is nobody's, for as long as nobody thinks again.
func (p *Pages) letGo(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.onLetter(w, r, v, "inbox.page.letters.gone", func(channelID, letter string) error {
		return p.inbox.LetGo(r.Context(), v.inst.ID, channelID, letter)
	}, func() string { return lettersPath })
}

func (p *Pages) onLetter(w http.ResponseWriter, r *http.Request, v visit, done string, do func(channelID, letter string) error, next func() string) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := do(form.String("channel"), form.String("letter")); err != nil {
		if err := p.refuse(r, v, err); err != nil {
			return err
		}
		return web.Redirect(w, r, lettersPath)
	}
	p.kit.Flash(r, web.Success, done)
	return web.Redirect(w, r, next())
}

// file hands out a file that came with a letter: always to be kept, never to be shown
// by the browser, whatever it is.
func (p *Pages) file(w http.ResponseWriter, r *http.Request, v visit) error {
	c, err := p.commentHere(r, v)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return fault.Missing("inbox.file.missing")
	}
	f, content, err := p.inbox.OpenFile(r.Context(), v.inst.ID, c.ID, n)
	if err != nil {
		return err
	}
	defer content.Close()
	kind := f.ContentType
	if kind == "" {
		kind = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", web.Attachment(strings.ReplaceAll(f.Name, "/", "_")))
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	// A reader who has left is no failure of ours.
	_, _ = io.Copy(w, content)
	return nil
}

// attached is a file as the conversation shows it.
type attached struct {
	Label, URL string
	Odd        bool // it is not what its name says
}

func (v visit) attached(c inbox.Word) (out []attached) {
	for _, f := range c.Files {
		if !f.Kept {
			out = append(out, attached{Label: v.p.T("inbox.page.letter.file.gone", f.Name)})
			continue
		}
		kind := f.ContentType
		if kind == "" {
			kind = v.p.T("inbox.page.letter.file.unknown")
		}
		out = append(out, attached{Label: v.p.T("inbox.page.letter.file", f.Name, kind, v.p.Bytes(f.Size)), Odd: odd(f),
			URL: conversationPath(c.ConversationID) + "/commenti/" + c.ID + "/file/" + strconv.Itoa(f.N)})
	}
	return out
}

// odd reports whether a file's name says that it is of a kind we know, and its content
// is of another one; or that it is a program.
func odd(f inbox.LetterFile) bool {
	ext := strings.ToLower(path.Ext(f.Name))
	for _, program := range []string{".exe", ".com", ".bat", ".cmd", ".scr", ".js", ".jse", ".vbs", ".ps1", ".msi", ".hta", ".lnk", ".jar", ".html", ".htm", ".xhtml", ".svg", ".docm", ".xlsm", ".iso"} {
		if ext == program {
			return true
		}
	}
	if ext == ".jpeg" || ext == ".jpe" {
		ext = ".jpg"
	}
	for _, t := range blob.Types() {
		if t.Ext == ext {
			return t.MIME != f.ContentType
		}
	}
	return false
}
