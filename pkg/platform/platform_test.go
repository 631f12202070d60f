package platform_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/domain"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

func TestLanesAndBucketWidthAreFixed(t *testing.T) {
	w := platformtest.New(t)
	open := func(lanes int, bucket eventlog.Width) error {
		parts := w.Parts
		parts.Settings.Bucket = bucket
		p, err := platform.Open(t.Context(), parts, lanes, domain.Projections(), "events")
		if err == nil {
			p.Codec.Close()
		}
		return err
	}
	if err := open(platformtest.Lanes, platformtest.Bucket); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := open(2*platformtest.Lanes, platformtest.Bucket); !errors.Is(err, platform.ErrSettingsChanged) {
		t.Errorf("other lanes: %v", err)
	}
	if err := open(platformtest.Lanes, eventlog.Day); !errors.Is(err, platform.ErrSettingsChanged) {
		t.Errorf("other buckets: %v", err)
	}
}

func TestLoadRefusesFarBehind(t *testing.T) {
	w := platformtest.New(t)
	p := w.Platform()
	for _, c := range []struct {
		lag  time.Duration
		err  error
		over bool
	}{{time.Hour, nil, false}, {13 * time.Hour, nil, true}, {13 * time.Hour, errors.New("no metric"), false}} {
		w.Behind, w.LagErr = c.lag, c.err
		if got := p.Load(false).Overloaded(t.Context()); got != c.over {
			t.Errorf("%s, %v: %t", c.lag, c.err, got)
		}
	}
	// The handler asks once a minute.
	overloaded := p.Load(false).Overloaded
	w.Behind, w.LagErr = 0, nil
	_ = overloaded(t.Context())
	w.Behind = 20 * time.Hour
	if overloaded(t.Context()) {
		t.Error("the lag is read at every request")
	}
}

func TestEndedExecutionsCloseTheirReplay(t *testing.T) {
	w := platformtest.New(t)
	p := w.Platform()
	if _, _, err := p.Store().Create(t.Context(), "r1", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	end := func(machine, name, status string) {
		t.Helper()
		detail, err := json.Marshal(steps.EndedExecution{
			Machine: machine,
			Name:    name,
			Status:  status,
			Error:   "States.Timeout",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close()(t.Context(), events.CloudWatchEvent{Detail: detail}); err != nil {
			t.Fatal(err)
		}
	}
	end(platformtest.Machine+"/ReadSegments", "r1", "FAILED") // a child execution
	if row, err := p.Store().Load(t.Context(), "r1"); err != nil || row.Status.Ended() {
		t.Fatalf("a child's end closed the replay: %+v, %v", row, err)
	}
	end(platformtest.Machine, "of nobody", "FAILED")
	end(platformtest.Machine, "r1", "ABORTED")
	end(platformtest.Machine, "r1", "ABORTED")
	row, err := p.Store().Load(t.Context(), "r1")
	if err != nil || row.Status != replay.Cancelled || w.Wakes != 3 {
		t.Errorf("%+v, %v; %d wakes", row, err, w.Wakes)
	}
}

func TestANewPlatformIsServedOnceItIsKept(t *testing.T) {
	p := platformtest.New(t).Platform()
	if err := p.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	p.API().Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/generations", nil))
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"active":"g0001"`) {
		t.Errorf("%d: %s", answer.Code, answer.Body)
	}
}

// TestReadersAreBounded by the platform, whatever a request asks for: an account may
// have few concurrent executions.
func TestReadersAreBounded(t *testing.T) {
	for _, c := range []struct {
		readers int
		input   string
		want    int
	}{{0, `{}`, replay.DefaultParallelism}, {2, `{}`, 2}, {2, `{"parallelism":1}`, 1}, {2, `{"parallelism":64}`, 2}} {
		w := platformtest.New(t)
		w.Parts.Settings.Readers = c.readers
		plan, err := w.Platform().Plan()(t.Context(), steps.PlanInput{Replay: "r", Input: json.RawMessage(c.input)})
		if err != nil || plan.Parallelism != c.want {
			t.Errorf("%s with %d readers: %d at a time, %v", c.input, c.readers, plan.Parallelism, err)
		}
	}
}
