package bank

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/replays"
	"reprise/pkg/cli/send"
	"reprise/pkg/domain/samples"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/local"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// story is the demonstration under way.
type story struct {
	app     *command.App
	dir     string
	outside *standin.Server
	owed    truth
	result  Result
}

// Run tells the story, in a temporary directory that is removed at the end, and prints how
// it ended. It returns an error unless the books are right in the end.
func Run(ctx context.Context, app *command.App, json bool) (err error) {
	dir, err := os.MkdirTemp("", "reprise-demo-")
	if err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := standin.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	server.Direct(mood)
	s := &story{app: app, dir: dir, outside: server, owed: owed()}
	s.say("mail, payments and exchange rates stand in; now and then a connection breaks after a payment")
	if err := s.with(ctx, samples.NotificationsWith(1, slipped()), s.live); err != nil {
		return err
	}
	if err := s.with(ctx, samples.NotificationsWith(2, samples.Fees()), s.mend); err != nil {
		return err
	}
	return s.report(json)
}

// mood breaks the connection after some updates that come for the first time, and has
// others repeated on the way.
func mood(call, key string, received int) standin.Mood {
	switch {
	case call == standin.Rates+"/rate" || received > 0:
		return standin.Mood{}
	case key[0] == '0':
		return standin.Mood{Drop: true}
	case key[0] == '1':
		return standin.Mood{Twice: true}
	}
	return standin.Mood{}
}

func (s *story) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.app.Stderr, format+"\n", args...)
}

// with runs a platform with a service in the directory while do lasts.
func (s *story) with(
	ctx context.Context, service gateway.Service, do func(context.Context, *client.Client) error,
) error {
	systems, err := httpsystem.Systems(s.outside.Endpoints())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		options := local.Options{
			Dir:         s.dir,
			Addr:        "127.0.0.1:0",
			Log:         slog.New(slog.NewTextHandler(s.app.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
			Projections: []projection.Projection{samples.Accounts()},
			Service:     service,
			Systems:     systems,
		}
		err := s.app.RunLocal(ctx, options, ready{address}, s.app.Stderr)
		close(address)
		ended <- err
	}()
	endpoint, up := <-address
	if !up {
		return <-ended
	}
	c, err := client.New(client.Options{
		Endpoint: endpoint, Patience: command.ShortPatience, Now: s.app.Now, Sleep: s.app.Sleep})
	if err == nil {
		err = do(ctx, c)
	}
	stop()
	return errors.Join(err, <-ended)
}

// ready finds the address in the line that a platform prints.
type ready struct{ address chan<- string }

func (r ready) Write(line []byte) (int, error) {
	if address, found := strings.CutPrefix(strings.TrimSpace(string(line)), "ready "); found {
		r.address <- address
	}
	return len(line), nil
}

const (
	// poll is how often the story looks, and patience how long it waits.
	poll     = 50 * time.Millisecond
	patience = 5 * time.Minute
)

var errPatience = errors.New("it takes too long")

func (s *story) until(ctx context.Context, what string, holds func() (bool, error)) error {
	for start := s.app.Now(); ; {
		if done, err := holds(); done || err != nil {
			return err
		}
		if s.app.Now().Sub(start) > patience {
			return fmt.Errorf("wait for %s: %w", what, errPatience)
		}
		if err := s.app.Sleep(ctx, poll); err != nil {
			return err
		}
	}
}

// live sends the events, and waits for what the service does.
func (s *story) live(ctx context.Context, c *client.Client) error {
	var lines bytes.Buffer
	events, err := write(&lines)
	if err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	c.React = true // the events are of past weeks
	if _, err := send.Send(ctx, &lines, send.Options{To: c, KeepTime: true, Now: s.app.Now}); err != nil {
		return err
	}
	s.result.Events = int64(events)
	s.say("sent %d events of %d accounts over %d weeks", events, accounts, weeks)
	if err := s.settle(ctx, c); err != nil {
		return err
	}
	books := s.outside.Books()
	s.note(&books)
	s.say("the service charged %d fees and sent %d mails; %d calls had to be repeated or came twice, "+
		"and each was performed once", len(books.Payments), len(books.Mails), repeated(&books))
	return nil
}

// settle waits until the service has reacted to everything.
func (s *story) settle(ctx context.Context, c *client.Client) error {
	return s.until(ctx, "the effects of all events", func() (bool, error) {
		if books := s.outside.Books(); len(books.Payments) < s.owed.charges || len(books.Mails) < s.owed.mails {
			return false, nil
		}
		// Whatever the consumer has taken in is done by then, or waits.
		status, err := c.Status(ctx)
		if err != nil || !slices.ContainsFunc(status.Consumers, idle) {
			return false, err
		}
		waiting, err := c.EffectsWaiting(ctx, "")
		return len(waiting.Waiting) == 0, err
	})
}

// idle reports whether a consumer is that of the service, and has taken in everything.
func idle(c api.ConsumerStatus) bool {
	return c.Name == "run-microservice" && c.BehindRecords != nil && *c.BehindRecords == 0
}

// mend has the corrected service compared with what was sent, and sends the difference.
func (s *story) mend(ctx context.Context, c *client.Client) error {
	s.say("a bug is found: in the week of %s the fee was ten times too high; "+
		"the corrected service is deployed, and its rebuild compares effects", slip.Format(time.DateOnly))
	if err := s.settle(ctx, c); err != nil {
		return err
	}
	before := s.outside.Books()
	if err := s.compare(ctx, c); err != nil {
		return err
	}
	after := s.outside.Books()
	s.result.ByReplay = int64(received(&after) - received(&before))
	found, err := c.Comparison(ctx, replayID, string(effects.Changed), "")
	if err != nil {
		return err
	}
	s.result.Changed = found.Counts[effects.Changed]
	s.result.Otherwise = found.Counts[effects.Surplus] + found.Counts[effects.Missing] + found.Counts[effects.Unanswered] +
		found.Counts[effects.Undecided] + found.Counts[effects.Ahead]
	s.say("%d calls would have been sent otherwise, %d the same; the replay itself sent nothing",
		s.result.Changed, found.Counts[effects.Same])
	if len(found.Differences) > 0 {
		first := found.Differences[0]
		s.say("  for example %s/%s of %s: sent %s, should be %s",
			first.System, first.Name, first.Entity, first.Sent, first.Wanted)
	}
	return s.approve(ctx, c)
}

const replayID = "fees"

func (s *story) compare(ctx context.Context, c *client.Client) error {
	meter := progress.New(s.app.Stderr, s.app.Now)
	defer meter.Done()
	view, err := c.StartReplay(ctx, replayID, replay.Request{Rebuild: true, Effects: request.Diff})
	if err != nil {
		return err
	}
	w := &replays.Watcher{Client: c, Meter: meter, Now: s.app.Now, Sleep: s.app.Sleep}
	if view, err = w.Watch(ctx, view.ID); err != nil {
		return err
	}
	if view.Status != replay.Succeeded {
		return fmt.Errorf("the rebuild ended as %s: %+v", view.Status, view.Failure)
	}
	return nil
}

// approve sends the difference, and waits for that.
func (s *story) approve(ctx context.Context, c *client.Client) error {
	made, err := c.ApproveEffects(ctx, replayID, outgoing.ApproveRequest{
		Reason: "the fee had a digit too much", Who: "demo", Rate: approval.MaxRate})
	if err != nil {
		return err
	}
	err = s.until(ctx, "the approved effects", func() (bool, error) {
		page, err := c.Comparison(ctx, replayID, "", "")
		if err != nil {
			return false, err
		}
		for i := range page.Approvals {
			if page.Approvals[i].Number == made.Number {
				made = page.Approvals[i]
			}
		}
		return made.Ended != nil, nil
	})
	if err != nil {
		return err
	}
	s.result.Undone, s.result.Sent, s.result.Failed = made.Undone, made.Sent, made.Failed
	s.say("approved: %d wrong fees were refunded, and %d right ones charged", made.Undone, made.Sent)
	return nil
}
