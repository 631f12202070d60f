package wiring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/control"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
	"reprise/pkg/steps"
	"reprise/stacks/logged"
)

// counts returns how many lines of a function's log each metric counts, as CloudWatch
// Logs applies the filters.
func counts(t *testing.T, folder string, output []byte) map[string]int {
	t.Helper()
	pattern := regexp.MustCompile(`^\{ \$\.(\w+) = "([^"*%]*)" \}$`)
	found := make(map[string]int)
	for _, line := range logged.Lines() {
		parts := pattern.FindStringSubmatch(line.Pattern())
		if parts == nil {
			t.Fatalf("this test cannot read the filter %s", line.Pattern())
		}
		for text := range bytes.Lines(output) {
			var fields map[string]any
			if err := json.Unmarshal(text, &fields); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if line.Folder == folder && fields[parts[1]] == parts[2] {
				found[line.Metric]++
			}
		}
	}
	return found
}

// happens sends an event of an entity and returns its record.
func happens(t *testing.T, p *platform.Platform, subject, kind string) events.KinesisEvent {
	t.Helper()
	before := len(platformtest.Records(t, p.Events).Records)
	body := fmt.Sprintf(`{"specversion":"1.0","id":"%s-%d","source":"s","type":%q,"subject":%q}`,
		kind, before, kind, subject)
	platformtest.Send(t, p, body)
	lane := p.Lanes.Of(subject)
	var newest events.KinesisEvent
	for _, r := range platformtest.Records(t, p.Events).Records {
		if at, err := p.Lanes.ParseKey(r.Kinesis.PartitionKey); err == nil && at == lane {
			newest.Records = []events.KinesisEventRecord{r}
		}
	}
	return newest
}

// served is a platform with its first generation and its functions.
type served struct {
	*platform.Platform
	t *testing.T
}

func (s served) done(answer events.KinesisEventResponse, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s served) pump(batch events.KinesisEvent) {
	s.t.Helper()
	s.done(s.Pump()(s.t.Context(), batch))
}

func (s served) write(batch events.KinesisEvent) {
	s.t.Helper()
	s.done(WriteByAlias(s.Platform)(invoked(s.t, functionARN+":g0001"), batch))
}

func (s served) playback(batch events.KinesisEvent) {
	s.t.Helper()
	s.done(s.ApplyPlayback()(s.t.Context(), batch))
}

// delivered begins a rebuild of the whole log and returns its records.
func (s served) delivered() events.KinesisEvent {
	s.t.Helper()
	plan, err := s.Plan()(s.t.Context(), steps.PlanInput{Replay: "r", Input: []byte(`{"rebuild":true}`)})
	for group := 0; err == nil && group < plan.Groups; group++ {
		_, err = s.Read()(s.t.Context(), steps.SegmentInput{Replay: "r", Group: group})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return platformtest.Records(s.t, s.Parts.Playback)
}

// outage is a control table that cannot be read.
type outage struct{ control.Table }

var errOutage = errors.New("the control table does not answer")

func (outage) Get(context.Context, control.Key) (control.Document, error) {
	return control.Document{}, errOutage
}

func (outage) GetAll(context.Context, []control.Key) ([]control.Document, error) {
	return nil, errOutage
}

// during returns the platform during an outage of the control table.
func (s served) during() served {
	parts := s.Parts
	parts.Table, parts.Service = outage{parts.Table}, &effectstest.Service{On: []string{"one.happened"}}
	return served{platform.New(parts), s.t}
}

// runsAway gives the platform a projection that never returns, and allows one
// runaway fold.
func runsAway(w *platformtest.World) {
	free, over := make(chan struct{}), make(chan time.Time)
	close(over) // time is always up
	w.T.Cleanup(func() { close(free) })
	set, err := projection.NewSet(projection.New("stuck", 1, []string{"is.stuck"},
		func(state struct{}, _ *event.Event) (struct{}, error) {
			<-free
			return state, nil
		}))
	if err != nil {
		w.T.Fatal(err)
	}
	set = set.Watched(projection.Watch{Limit: time.Second, Ticks: 1, Abandoned: 1,
		Every: func(time.Duration) (<-chan time.Time, func()) { return over, func() {} }})
	w.Parts.Applier = projection.NewApplier(set, w.View())
}

// twoLanes are entities of different lanes.
func (s served) twoLanes() (one, other string) {
	one = "a"
	for other = "b"; s.Lanes.Of(other) == s.Lanes.Of(one); {
		other += "b"
	}
	return one, other
}

// scenarios provoke each counted line.
func scenarios() map[string]func(served) {
	another := func(batch events.KinesisEvent, change func(*events.KinesisRecord)) events.KinesisEvent {
		changed := events.KinesisEvent{Records: slices.Clone(batch.Records)}
		change(&changed.Records[0].Kinesis)
		return changed
	}
	noLane := func(r *events.KinesisRecord) { r.PartitionKey = "nobody" }
	noRecord := func(r *events.KinesisRecord) { r.Data = []byte("?") }
	return map[string]func(served){
		"PumpRetried":  func(s served) { s.during().pump(happens(s.t, s.Platform, "x", "one.happened")) },
		"WriteRetried": func(s served) { s.during().write(happens(s.t, s.Platform, "x", "one.happened")) },
		"MicroserviceRetried": func(s served) {
			batch := happens(s.t, s.Platform, "x", "one.happened")
			s.done(s.during().Microservice()(s.t.Context(), batch))
		},
		"PlaybackRetried": func(s served) {
			s.pump(happens(s.t, s.Platform, "x", "one.happened"))
			s.during().playback(s.delivered())
		},
		"Quarantined": func(s served) { s.pump(another(happens(s.t, s.Platform, "x", "one.happened"), noRecord)) },
		"Foreign":     func(s served) { s.pump(another(happens(s.t, s.Platform, "x", "one.happened"), noLane)) },
		"HeadLost": func(s served) {
			s.pump(happens(s.t, s.Platform, "x", "one.happened"))
			key := control.Key{Partition: "head#" + s.Lanes.Of("x").String(), Sort: "head"}
			document, err := s.Table.Get(s.t.Context(), key)
			if err == nil {
				err = s.Table.Delete(s.t.Context(), key, document.Version)
			}
			if err != nil {
				s.t.Fatal(err)
			}
			s.pump(happens(s.t, s.Platform, "x", "two.happened"))
		},
		"SetAside": func(s served) {
			batch := happens(s.t, s.Platform, "x", "account.deposited") // nobody opened it
			s.pump(batch)
			s.write(batch)
		},
		"Lost": func(s served) {
			batch := happens(s.t, s.Platform, "x", "one.happened")
			s.pump(batch)
			if err := s.Generations.Clear(s.t.Context(), "g0001"); err != nil {
				s.t.Fatal(err)
			}
			s.write(batch)
		},
		"Runaways": func(s served) {
			one, other := s.twoLanes()
			for _, entity := range []string{one, other} {
				batch := happens(s.t, s.Platform, entity, "is.stuck")
				s.pump(batch)
				s.write(batch)
			}
		},
		"Dropped": func(s served) {
			s.pump(happens(s.t, s.Platform, "x", "one.happened"))
			s.playback(another(s.delivered(), noLane))
		},
		"Damaged": func(s served) {
			s.pump(happens(s.t, s.Platform, "x", "one.happened"))
			s.playback(another(s.delivered(), func(r *events.KinesisRecord) {
				header, _, err := s.Codec.Unpack(r.Data)
				if err == nil {
					r.Data, err = json.Marshal(header) // and none of the lines that it promises
				}
				if err != nil {
					s.t.Fatal(err)
				}
			}))
		},
		"RunawaysInReplays": func(s served) {
			one, other := s.twoLanes()
			s.pump(happens(s.t, s.Platform, one, "is.stuck"))
			s.pump(happens(s.t, s.Platform, other, "is.stuck"))
			for _, r := range s.delivered().Records {
				s.playback(events.KinesisEvent{Records: []events.KinesisEventRecord{r}})
			}
		},
	}
}

// TestEveryCountedLineIsLogged provokes the fault of each alarm and compares the
// filters with what the function then logs: that line and no other, except that
// parked events are also set aside, and that records are also retried.
func TestEveryCountedLineIsLogged(t *testing.T) {
	all := scenarios()
	maps.Copy(all, verifications())
	maps.Copy(all, effectScenarios())
	for _, line := range logged.Lines() {
		play, found := all[line.Metric]
		if !found {
			t.Errorf("no scenario provokes %s", line.Metric)
			continue
		}
		delete(all, line.Metric)
		t.Run(line.Metric, func(t *testing.T) {
			w := newWorld(t)
			if strings.HasPrefix(line.Metric, "Runaways") {
				runsAway(w)
			}
			s := served{w.Platform(), t}
			if err := s.Keep(t.Context()); err != nil {
				t.Fatal(err)
			}
			play(s)
			want := map[string]int{line.Metric: 1}
			switch line.Metric {
			case "Runaways":
				want["SetAside"], want["WriteRetried"] = 1, 1
			case "RunawaysInReplays":
				want["PlaybackRetried"] = 1
			case "HeadLost":
				want["PumpRetried"] = 1
			}
			if got := counts(t, line.Folder, w.Logged.Bytes()); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v\n%s", got, want, w.Logged)
			}
		})
	}
	if len(all) > 0 {
		t.Errorf("nothing counts %v", slices.Collect(maps.Keys(all)))
	}
}

// A consumer ahead of the pump recovers by itself and raises no alarm.
func TestWhatPassesByItselfCallsNobody(t *testing.T) {
	w := newWorld(t)
	s := served{w.Platform(), t}
	if err := s.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := happens(t, s.Platform, "x", "one.happened")
	s.write(batch) // before the pump
	s.pump(batch)
	s.pump(batch) // once more
	s.write(batch)
	for _, folder := range []string{"pump-events", "write-state"} {
		if got := counts(t, folder, w.Logged.Bytes()); len(got) > 0 {
			t.Errorf("%s: counted %v", folder, got)
		}
	}
}
