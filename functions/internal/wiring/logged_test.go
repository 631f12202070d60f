package wiring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/steps"
	"reprise/stacks/logged"
)

// counts returns by metric how many lines of a function's log are counted, as
// CloudWatch Logs would read the filters.
func counts(t *testing.T, folder string, output []byte) map[string]int {
	t.Helper()
	pattern := regexp.MustCompile(`^\{ \$\.(\w+) = "([^"*%]*)" \}$`)
	found := make(map[string]int)
	for _, line := range logged.Lines() {
		parts := pattern.FindStringSubmatch(line.Pattern())
		if parts == nil {
			t.Fatalf("%s is no filter that this test reads", line.Pattern())
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
func happens(t *testing.T, p *Platform, subject, kind string) events.KinesisEvent {
	t.Helper()
	before := len(recordsOf(t, p, p.events.Name).Records)
	body := fmt.Sprintf(`{"specversion":"1.0","id":"%s-%d","source":"s","type":%q,"subject":%q}`, kind, before, kind, subject)
	answer, err := lambdahttp.Serve(p.Load(false).Handler())(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: api.RouteEvents, Body: body,
		Headers: map[string]string{"content-type": "application/cloudevents+json"}})
	if err != nil || answer.StatusCode != 202 {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	lane := p.lanes.Of(subject)
	var newest events.KinesisEvent
	for _, r := range recordsOf(t, p, p.events.Name).Records {
		if at, err := p.lanes.ParseKey(r.Kinesis.PartitionKey); err == nil && at == lane {
			newest.Records = []events.KinesisEventRecord{r}
		}
	}
	return newest
}

// served is a platform with its first generation, and what its functions do.
type served struct {
	*Platform
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
	s.done(s.Pump().Handle(s.t.Context(), batch))
}

func (s served) write(batch events.KinesisEvent) {
	s.t.Helper()
	s.done(s.Write()(invoked(s.t, functionARN+":g0001"), batch))
}

func (s served) playback(batch events.KinesisEvent) {
	s.t.Helper()
	s.done(s.Playback().Handle(s.t.Context(), batch))
}

// delivered begins a rebuild of what is in the log and returns its records.
func (s served) delivered() events.KinesisEvent {
	s.t.Helper()
	plan, err := s.Plan().Handle(s.t.Context(), steps.PlanInput{Replay: "r", Input: []byte(`{"rebuild":true}`)})
	for group := 0; err == nil && group < plan.Groups; group++ {
		_, err = s.Read().Handle(s.t.Context(), steps.SegmentInput{Replay: "r", Group: group})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return recordsOf(s.t, s.Platform, s.Settings.Names.PlaybackStream())
}

// runsAway gives the platform a projection that never returns, of which one
// fold is enough.
func (s served) runsAway() {
	free, over := make(chan struct{}), make(chan time.Time)
	close(over) // time is always up
	s.t.Cleanup(func() { close(free) })
	set, err := projection.NewSet(projection.New("stuck", 1, []string{"is.stuck"}, func(state struct{}, _ *event.Event) (struct{}, error) {
		<-free
		return state, nil
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	set = set.Watched(projection.Watch{Limit: time.Second, Ticks: 1, Abandoned: 1,
		Every: func(time.Duration) (<-chan time.Time, func()) { return over, func() {} }})
	s.applier = projection.NewApplier(set, eventlog.View{Log: s.EventLog, Heads: s.heads})
	s.store.Version = set.Version()
}

// twoLanes are entities of different lanes.
func (s served) twoLanes() (one, other string) {
	one = "a"
	for other = "b"; s.lanes.Of(other) == s.lanes.Of(one); {
		other += "b"
	}
	return one, other
}

// scenarios bring each counted line about.
func scenarios() map[string]func(served) {
	another := func(batch events.KinesisEvent, change func(*events.KinesisRecord)) events.KinesisEvent {
		changed := events.KinesisEvent{Records: slices.Clone(batch.Records)}
		change(&changed.Records[0].Kinesis)
		return changed
	}
	noLane := func(r *events.KinesisRecord) { r.PartitionKey = "nobody" }
	noRecord := func(r *events.KinesisRecord) { r.Data = []byte("?") }
	return map[string]func(served){
		"Quarantined": func(s served) { s.pump(another(happens(s.t, s.Platform, "x", "one.happened"), noRecord)) },
		"Foreign":     func(s served) { s.pump(another(happens(s.t, s.Platform, "x", "one.happened"), noLane)) },
		"HeadLost": func(s served) {
			s.pump(happens(s.t, s.Platform, "x", "one.happened"))
			key := control.Key{Partition: "head#" + s.lanes.Of("x").String(), Sort: "head"}
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
				header, _, err := s.codec.Unpack(r.Data)
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

// TestEveryCountedLineIsLogged brings about what each alarm is for, and holds
// the filters against what the function then logs: the one line and no other,
// but that what parks is set aside as well.
func TestEveryCountedLineIsLogged(t *testing.T) {
	all := scenarios()
	for _, line := range logged.Lines() {
		play, found := all[line.Metric]
		if !found {
			t.Errorf("nothing brings %s about", line.Metric)
			continue
		}
		delete(all, line.Metric)
		t.Run(line.Metric, func(t *testing.T) {
			w := newWorld(t)
			s := served{w.platform(t), t}
			if strings.HasPrefix(line.Metric, "Runaways") {
				s.runsAway()
			}
			if err := s.KeepConsumers(t.Context()); err != nil {
				t.Fatal(err)
			}
			play(s)
			want := map[string]int{line.Metric: 1}
			if line.Metric == "Runaways" {
				want["SetAside"] = 1
			}
			if got := counts(t, line.Folder, w.logged.Bytes()); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v\n%s", got, want, w.logged)
			}
		})
	}
	if len(all) > 0 {
		t.Errorf("nothing counts %v", slices.Collect(maps.Keys(all)))
	}
}

// TestWhatPassesByItselfCallsNobody: a consumer ahead of the pump is no trouble.
func TestWhatPassesByItselfCallsNobody(t *testing.T) {
	w := newWorld(t)
	s := served{w.platform(t), t}
	if err := s.KeepConsumers(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := happens(t, s.Platform, "x", "one.happened")
	s.write(batch) // before the pump
	s.pump(batch)
	s.pump(batch) // once more
	s.write(batch)
	for _, folder := range []string{"pump-events", "write-state"} {
		if got := counts(t, folder, w.logged.Bytes()); len(got) > 0 {
			t.Errorf("%s: counted %v", folder, got)
		}
	}
}
