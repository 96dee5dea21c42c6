package main

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cutDisk is a folder as a disk knows it when the power goes: of each file the
// bytes that were synced, of each folder the names that were synced, and besides
// what the program wrote since, of which a real disk may keep any part.
//
// It obliges less than any file system we know: a new file's name is kept only by
// a sync of its folder, a rename only by one of the folder it leads to, and what
// was not synced may be kept in any order, in pieces of a sector.
type cutDisk struct {
	t    *testing.T
	root string
	now  map[string]*content // as the program sees it; folders have dir set
	kept map[string]*content // the names that are on the disk
	todo map[string][]rename // by folder, in order: names that are not
	open map[string]string   // by thread: the beginning of a call that is under way
	upTo map[string]syncing  // by thread: what a sync under way will have covered
	seen map[string]int      // calls of each kind, so that the test cannot lose its subject
	look func(synced string) // called after each change, with the file or folder that it synced
}

// content is a file or a folder, whatever its names are.
type content struct {
	dir    bool
	pos    int64 // of write(2), which only new files use
	synced []byte
	later  []change
	past   int // changes that are synced, to count those of later on
	names  int // of a folder: the same of its names
}

// change is a write, or a truncation when data is nil.
type change struct {
	at   int64
	data []byte
}

// rename gives a name to a content, or takes it when there is none.
type rename struct {
	path string
	c    *content
}

type syncing struct {
	path           string
	c              *content
	changes, names int
}

const sector = 512

// newCutDisk takes the folder as it is for what is on the disk.
func newCutDisk(t *testing.T, root string) *cutDisk {
	d := &cutDisk{t: t, root: root, now: map[string]*content{}, kept: map[string]*content{}, todo: map[string][]rename{}, open: map[string]string{}, upTo: map[string]syncing{}, seen: map[string]int{}}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		c := &content{dir: e.IsDir()}
		if !c.dir {
			c.synced, err = os.ReadFile(path)
		}
		d.now[path], d.kept[path] = c, c
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tracedCalls are all by which a program changes files. What the model does not
// know ends the test.
const tracedCalls = "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,syncfs,sync,msync,mmap," +
	"rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,copy_file_range,sendfile,splice"

var (
	wholeCall = regexp.MustCompile(`^(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*?)>)?`)
	behindFD  = regexp.MustCompile(`<(?:\\x[0-9a-f]{2})+>`)
	firstFD   = regexp.MustCompile(`^\d+<(.*?)>(?:, )?`)
)

// replay reads what strace wrote of a program's life.
func (d *cutDisk) replay(log string) {
	f, err := os.Open(log)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		thread, call, _ := strings.Cut(behindFD.ReplaceAllStringFunc(lines.Text(), plain), " ")
		call = strings.TrimSpace(call)
		if begun, ok := strings.CutSuffix(call, "<unfinished ...>"); ok {
			d.open[thread] = begun
			d.begin(thread, begun)
			continue
		}
		if _, rest, ok := strings.Cut(call, " resumed>"); ok && strings.HasPrefix(call, "<... ") {
			call = d.open[thread] + rest
		} else {
			d.begin(thread, call)
		}
		if m := wholeCall.FindStringSubmatch(call); m != nil && !strings.HasPrefix(m[3], "-") {
			synced := d.upTo[thread].path
			d.done(thread, m[1], m[2], m[3], m[4])
			if d.look != nil {
				d.look(synced)
			}
		}
	}
	if err := lines.Err(); err != nil {
		d.t.Fatal(err)
	}
}

// plain is the path behind a descriptor, which strace writes in hexadecimal.
func plain(hexed string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(hexed, "<>"), `\x`, ""))
	if err != nil {
		return hexed
	}
	return "<" + string(b) + ">"
}

// begin notes what a sync that starts now covers: not what is written during it.
func (d *cutDisk) begin(thread, call string) {
	name, args, _ := strings.Cut(call, "(")
	if name != "fsync" && name != "fdatasync" {
		return
	}
	path := d.fd(args)
	if c := d.now[path]; c != nil {
		d.upTo[thread] = syncing{path, c, c.past + len(c.later), c.names + len(d.todo[path])}
	}
}

// fd is the path of a call's first argument, "" when it is not under the root.
func (d *cutDisk) fd(args string) string {
	m := firstFD.FindStringSubmatch(args)
	if m == nil || !d.ours(m[1]) {
		return ""
	}
	return m[1]
}

func (d *cutDisk) ours(path string) bool {
	return path == d.root || strings.HasPrefix(path, d.root+"/")
}

// texts are the quoted arguments, which strace wrote in hexadecimal.
func (d *cutDisk) texts(args string) (all [][]byte) {
	parts := strings.Split(args, `"`)
	for i := 1; i < len(parts); i += 2 {
		b, err := hex.DecodeString(strings.ReplaceAll(parts[i], `\x`, ""))
		if err != nil {
			d.t.Fatalf("strace wrote %.80q", parts[i])
		}
		all = append(all, b)
	}
	return all
}

// paths are the quoted arguments as paths under the root.
func (d *cutDisk) paths(args string) (all []string) {
	for _, b := range d.texts(args) {
		p := string(b)
		if !filepath.IsAbs(p) {
			p = filepath.Join(d.root, "..", p)
		}
		all = append(all, filepath.Clean(p))
	}
	return all
}

// last is a call's last argument as a number.
func last(args string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(args[strings.LastIndexByte(args, ',')+1:]), 10, 64)
	return n
}

func (d *cutDisk) done(thread, name, args, result, path string) {
	switch name {
	case "open", "openat", "openat2", "creat":
		if d.ours(path) && !strings.HasSuffix(path, "-shm") {
			d.opened(path, args)
		}
		return
	case "mkdir", "mkdirat":
		if p := d.paths(args); d.ours(p[0]) {
			d.name(p[0], &content{dir: true})
		}
		return
	case "unlink", "unlinkat", "rmdir":
		if p := d.paths(args); d.ours(p[0]) {
			d.name(p[0], nil)
		}
		return
	case "rename", "renameat", "renameat2", "link", "linkat":
		if p := d.paths(args); d.ours(p[1]) {
			c := d.now[p[0]]
			d.name(p[1], c)
			if strings.HasPrefix(name, "rename") {
				d.name(p[0], nil)
			}
			d.seen[strings.TrimRight(name, "at2")]++
		}
		return
	case "fsync", "fdatasync":
		if s, ok := d.upTo[thread]; ok {
			delete(d.upTo, thread)
			d.sync(s)
		}
		return
	case "mmap":
		if strings.Contains(args, "MAP_SHARED") && strings.Contains(args, "PROT_WRITE") && strings.Contains(args, "<"+d.root) && !strings.Contains(args, "-shm>") {
			d.t.Fatalf("a file is written through memory, which this test cannot follow: %s", args)
		}
		return
	}
	at := d.fd(args)
	if at == "" || strings.HasSuffix(at, "-shm") || strings.Contains(args[:min(len(args), 4096)], ">(deleted)") {
		return // a connection, another folder, or a file that has no name any more
	}
	c := d.now[at]
	if c == nil {
		d.t.Fatalf("%s is written and was never made", at)
	}
	n, _ := strconv.ParseInt(result, 10, 64)
	d.seen[name]++
	switch name {
	case "pwrite64":
		c.later = append(c.later, change{last(args), d.texts(args)[0][:n]})
	case "write":
		c.later = append(c.later, change{c.pos, d.texts(args)[0][:n]})
		c.pos += n
	case "ftruncate":
		c.later = append(c.later, change{at: last(args)})
	default:
		d.t.Fatalf("this test cannot follow %s", name)
	}
}

func (d *cutDisk) opened(path, args string) {
	c := d.now[path]
	switch {
	case c == nil && strings.Contains(args, "O_CREAT"):
		d.name(path, &content{})
	case c != nil && strings.Contains(args, "O_TRUNC"):
		c.later = append(c.later, change{})
	}
	if c != nil {
		c.pos = 0
	}
}

func (d *cutDisk) name(path string, c *content) {
	if c == nil {
		delete(d.now, path)
	} else {
		d.now[path] = c
	}
	dir := filepath.Dir(path)
	d.todo[dir] = append(d.todo[dir], rename{path, c})
}

func (d *cutDisk) sync(s syncing) {
	if s.c.dir {
		d.seen["sync of a folder"]++
		for ; s.c.names < s.names; s.c.names++ {
			entry(d.kept, d.todo[s.path][0])
			d.todo[s.path] = d.todo[s.path][1:]
		}
		return
	}
	d.seen["sync of a file"]++
	for ; s.c.past < s.changes; s.c.past++ {
		s.c.synced = s.c.later[0].apply(s.c.synced)
		s.c.later = s.c.later[1:]
	}
}

func entry(names map[string]*content, r rename) {
	if r.c == nil {
		delete(names, r.path)
	} else {
		names[r.path] = r.c
	}
}

func (w change) apply(b []byte) []byte {
	end := w.at + int64(len(w.data))
	if w.data == nil && int64(len(b)) > end {
		return slices.Clone(b[:end])
	}
	if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[w.at:], w.data)
	return b
}

// cut writes the folder as it may be after the power was cut now: with nothing
// that was not synced, or with what keep chooses of it, a piece at a time.
func (d *cutDisk) cut(to string, keep func() bool) {
	names, bytes := map[string]*content{}, map[*content][]byte{}
	for path, c := range d.kept {
		names[path] = c
	}
	if keep != nil {
		for _, dir := range d.todo {
			for _, r := range dir {
				if keep() {
					entry(names, r)
				}
			}
		}
	}
	for _, c := range names {
		b := slices.Clone(c.synced)
		if keep != nil {
			for _, w := range c.later {
				b = w.partly(b, keep)
			}
		}
		bytes[c] = b
	}
	paths := make([]string, 0, len(names))
	for path := range names {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	for _, path := range paths {
		target := to + strings.TrimPrefix(path, d.root)
		if parent := filepath.Dir(path); path != d.root && names[parent] == nil {
			delete(names, path) // its folder is lost, and what it held with it
			continue
		}
		var err error
		if c := names[path]; c.dir {
			err = os.MkdirAll(target, 0o700)
		} else if !strings.HasSuffix(path, "-shm") {
			err = os.WriteFile(target, bytes[c], 0o600)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// partly keeps some sectors of a write.
func (w change) partly(b []byte, keep func() bool) []byte {
	if w.data == nil {
		if keep() {
			b = w.apply(b)
		}
		return b
	}
	for from := 0; from < len(w.data); {
		to := min(len(w.data), from+sector-int((w.at+int64(from))%sector))
		if keep() {
			b = change{w.at + int64(from), w.data[from:to]}.apply(b)
		}
		from = to
	}
	return b
}

func (d *cutDisk) String() string { return fmt.Sprint(d.seen) }
