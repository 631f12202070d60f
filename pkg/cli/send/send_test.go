package send_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/send"
	"reprise/pkg/event"
)

// server accepts batches and records their events, in order per entity.
type server struct {
	mu       sync.Mutex
	byEntity map[string][]string
	calls    int
	largest  int
	// fail may answer a call instead.
	fail func(call int, events []taken) error
}

type taken struct{ ID, Subject string }

func (s *server) Send(_ context.Context, batch []byte, _ bool) (intake.Accepted, error) {
	var events []taken
	if err := json.Unmarshal(batch, &events); err != nil {
		return intake.Accepted{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.largest = max(s.largest, len(batch))
	if s.fail != nil {
		if err := s.fail(s.calls, events); err != nil {
			return intake.Accepted{}, err
		}
	}
	if s.byEntity == nil {
		s.byEntity = map[string][]string{}
	}
	for _, e := range events {
		s.byEntity[e.Subject] = append(s.byEntity[e.Subject], e.ID)
	}
	lane := intake.LanePosition{Lane: 3, Position: event.Position(fmt.Sprintf("p%06d", s.calls))}
	return intake.Accepted{Accepted: len(events), Lanes: []intake.LanePosition{lane}}, nil
}

func (s *server) total() int {
	n := 0
	for _, ids := range s.byEntity {
		n += len(ids)
	}
	return n
}

func line(id, subject string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/t","type":"x","subject":%q,"data":{"n":1}}`, id, subject)
}

// text is n events of some entities, with ascending ids.
func text(n, entities int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(fmt.Sprintf("%08d", i), fmt.Sprintf("entity-%d", i%entities)) + "\n")
	}
	return b.String()
}

func options(to send.Poster) send.Options { return send.Options{To: to, Now: time.Now} }

func TestEntitiesKeepTheirOrder(t *testing.T) {
	for _, senders := range []int{1, 2, 8} {
		s := &server{}
		o := options(s)
		o.Senders, o.BatchEvents = senders, 7
		result, err := send.Send(t.Context(), strings.NewReader(text(5000, 37)), o)
		if err != nil {
			t.Fatal(err)
		}
		if result.Accepted != 5000 || result.Lines != 5000 || s.total() != 5000 || result.Unsent != 0 {
			t.Errorf("%d senders: %+v", senders, result)
		}
		if result.Batches != int64(s.calls) || result.Reached[3] != event.Position(fmt.Sprintf("p%06d", s.calls)) {
			t.Errorf("%d senders: %d batches of %d, reached %v", senders, result.Batches, s.calls, result.Reached)
		}
		for entity, ids := range s.byEntity {
			if !slices.IsSorted(ids) {
				t.Errorf("%d senders: events of %s are out of order", senders, entity)
			}
		}
	}
}

func TestRequestsStayWithinTheirBounds(t *testing.T) {
	s := &server{}
	o := options(s)
	o.Senders, o.BatchBytes = 1, 1000
	if _, err := send.Send(t.Context(), strings.NewReader(text(200, 5)), o); err != nil {
		t.Fatal(err)
	}
	if s.largest > 1000 || s.largest < 800 {
		t.Errorf("the largest request has %d bytes of 1000", s.largest)
	}
}

func TestServersRefusalNamesTheLine(t *testing.T) {
	at := 2
	s := &server{fail: func(call int, _ []taken) error {
		if call < 3 {
			return nil
		}
		return &web.Problem{Status: http.StatusBadRequest, Detail: "lies in the future", Event: &at, Attribute: "time"}
	}}
	o := options(s)
	o.Senders, o.BatchEvents = 1, 10
	result, err := send.Send(t.Context(), strings.NewReader(text(100, 3)), o)
	if !errors.Is(err, send.ErrRefused) || len(result.Refused) != 1 || result.Refused[0].Line != 23 ||
		result.Accepted != 20 || result.Unsent != 21 || s.calls != 3 {
		t.Errorf("%+v %v after %d calls", result, err, s.calls)
	}
}

func TestNothingIsSentAfterAFailure(t *testing.T) {
	broken := errors.New("broken")
	s := &server{fail: func(call int, _ []taken) error {
		if call == 5 {
			return broken
		}
		return nil
	}}
	o := options(s)
	o.Senders, o.BatchEvents = 4, 3
	result, err := send.Send(t.Context(), strings.NewReader(text(5000, 40)), o)
	if !errors.Is(err, broken) || int(result.Accepted) != s.total() || result.Unsent == 0 || result.Accepted > 100 {
		t.Errorf("%+v %v", result, err)
	}
	for entity, ids := range s.byEntity {
		if !slices.IsSorted(ids) {
			t.Errorf("events of %s are out of order", entity)
		}
	}
}

func TestTooLargeARequestIsHalved(t *testing.T) {
	s := &server{fail: func(_ int, events []taken) error {
		if len(events) > 3 {
			return &web.Problem{Status: http.StatusRequestEntityTooLarge, Detail: "too large"}
		}
		return nil
	}}
	result, err := send.Send(t.Context(), strings.NewReader(text(500, 7)), options(s))
	if err != nil || result.Accepted != 500 || s.total() != 500 {
		t.Errorf("%+v %v", result, err)
	}
	for entity, ids := range s.byEntity {
		if !slices.IsSorted(ids) {
			t.Errorf("events of %s are out of order", entity)
		}
	}
}

func TestEndOfContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{fail: func(call int, _ []taken) error {
		if call == 2 {
			cancel()
			return ctx.Err()
		}
		return nil
	}}
	o := options(s)
	o.BatchEvents = 2
	endless := io.MultiReader(strings.NewReader(text(100, 3)), neverEnds{})
	if _, err := send.Send(ctx, endless, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// neverEnds repeats one line for ever.
type neverEnds struct{}

func (neverEnds) Read(b []byte) (int, error) { return copy(b, line("1", "s")+"\n"), nil }

func TestSendersAreAPowerOfTwo(t *testing.T) {
	for _, senders := range []int{-1, 3, 128} {
		o := options(&server{})
		o.Senders = senders
		if _, err := send.Send(t.Context(), strings.NewReader(""), o); err == nil {
			t.Errorf("%d senders are accepted", senders)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	in := text(100_000, 1000)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := send.Send(b.Context(), strings.NewReader(in), options(discard{})); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "events/s")
}

// discard accepts everything.
type discard struct{}

func (discard) Send(context.Context, []byte, bool) (intake.Accepted, error) {
	return intake.Accepted{}, nil
}
