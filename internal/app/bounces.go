package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/newsletter"
)

// Letters that come back are handed over at a socket of the machine: the mail server
// runs the command as a user of its own, who may not read the configuration. Any user
// of the machine may connect. That opens nothing: whoever writes to the address for
// such letters says the same, and only who received one of our letters knows its name.
const (
	bounceTime  = 30 * time.Second // for one letter
	bounceSides = 4                // letters at the same time; the others wait
)

// takeBounces listens until ctx ends. It fails when the socket cannot be made.
func (a *App) takeBounces(ctx context.Context, path string) (stop func(), err error) {
	// What an earlier server left behind is taken away, what another one uses is not.
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fault.Clash("app.bounces.in_use", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, err
	}
	places := semaphore.NewWeighted(bounceSides)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
					a.Log.ErrorContext(ctx, "letters that come back are no longer taken", "error", err)
				}
				return
			}
			if places.Acquire(ctx, 1) != nil {
				c.Close()
				return
			}
			go func() {
				defer places.Release(1)
				defer c.Close()
				a.takeBounce(ctx, c)
			}()
		}
	}()
	return func() { l.Close() }, nil
}

// takeBounce reads a letter to the end of what is sent, and answers with a line: how
// many were counted, or that it is to be tried again.
func (a *App) takeBounce(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(bounceTime))
	ctx, cancel := context.WithTimeout(ctx, bounceTime)
	defer cancel()
	n, err := newsletter.ReceiveBounce(ctx, a.DB, c, a.Clock())
	if err != nil {
		a.Log.WarnContext(ctx, "a letter that came back could not be counted", "error", err)
		fmt.Fprintln(c, "later")
		return
	}
	fmt.Fprintln(c, n)
	// What is beyond the bound of a letter is not read; a close with it unread would
	// cut the answer off.
	io.Copy(io.Discard, io.LimitReader(c, 64*mail.MaxReport))
}

// HandBounce hands a letter to the server that listens at a socket, and returns how
// many were counted.
func HandBounce(ctx context.Context, path string, letter io.Reader) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, bounceTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return 0, fault.New(fault.Unavailable, "app.bounces.nobody", path).Because(err)
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	if _, err := io.Copy(c, io.LimitReader(letter, mail.MaxReport)); err != nil {
		return 0, err
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		return 0, err
	}
	answer, err := bufio.NewReader(io.LimitReader(c, 100)).ReadString('\n')
	n, wrong := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil || wrong != nil {
		return 0, fault.New(fault.Unavailable, "app.bounces.later").Because(errors.Join(err, wrong))
	}
	return n, nil
}
