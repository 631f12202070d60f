package crash

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api/entities"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// failing is a state machine that reports a replay as failed, as the last step of an
// execution does whose lane groups could not be read.
const failing = `{"QueryLanguage":"JSONata","StartAt":"Report","States":{"Report":{"Type":"Task",
"Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"${ReportReplayArn}",
"Payload":{"replay":"{% $states.input.replay %}","execution":"{% $states.input.replay %}",
"error":"Reprise.ReadFailed","cause":"a test says so"}},"End":true}}}`

// steered is a platform with a log, which a test kills while it steers replays.
type steered struct {
	t           *testing.T
	binary, dir string
	flags       []string
	rng         *rand.Rand
	*process.Process
	// live are the rows that every rebuild has to come to.
	live map[string]entities.View
}

func newSteered(t *testing.T) *steered {
	t.Helper()
	machines := t.TempDir()
	if err := os.WriteFile(filepath.Join(machines, "fail.asl.json"), []byte(failing), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &steered{t: t, binary: process.Binary(t), dir: t.TempDir(), rng: seeded(t),
		flags: []string{"--workflows", machines, "--sfn-addr", "127.0.0.1:0"}}
	s.Process = process.Launch(t, s.binary, s.dir, s.flags...)
	d := datasets.Litestream(t)
	for i := 0; i < len(d.Lines); i += 500 {
		if !post(s.URL, d.Lines[i:min(i+500, len(d.Lines))]) {
			t.Fatal("a batch was not accepted")
		}
	}
	settle(t, s.Process)
	s.live = exported(t, s.Process)
	d.Judge(t, "live", s.live)
	return s
}

// restart kills the platform and starts it again.
func (s *steered) restart() {
	s.t.Helper()
	s.Kill()
	s.Process = process.Launch(s.t, s.binary, s.dir, s.flags...)
}

func (s *steered) do(args ...string) {
	s.t.Helper()
	if _, err := s.Reprise(args...); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until a replay is as check wants it.
func (s *steered) until(id string, check func(lifecycle.View) bool) lifecycle.View {
	s.t.Helper()
	return localtest.Until(&localtest.Client{T: s.t, URL: s.URL}, "/replays/"+id, check)
}

// begin starts a rebuild at a rate, and waits until it has delivered something.
func (s *steered) begin(id, rate string) lifecycle.View {
	s.t.Helper()
	s.do("replay", "start", "--rebuild", "--promote", "--name", id, "--rate", rate)
	return s.until(id, func(v lifecycle.View) bool { return v.Progress.Delivered > 0 })
}

// succeeds waits for the end of a replay, whose rows must be those of the live path.
func (s *steered) succeeds(id string) {
	s.t.Helper()
	v := s.until(id, func(v lifecycle.View) bool { return v.Status.Ended() })
	if v.Status != replay.Succeeded || !v.Promoted || v.Proof == nil || !v.Proof.Complete {
		s.t.Fatalf("%s: %s, %+v, %+v", id, v.Status, v.Failure, v.Proof)
	}
	datasets.Same(s.t, id, exported(s.t, s.Process), s.live)
}

// A replay that is paused stays so over a kill, delivers nothing meanwhile, and goes on
// from where it was.
func TestKilledWhilePaused(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	for round := range kills(t) / 2 {
		id := "paused-" + strconv.Itoa(round)
		s.begin(id, "200")
		s.do("replay", "pause", id)
		still := func(v lifecycle.View) bool {
			return v.Status == replay.ShownPaused && v.Progress.Consumed == v.Progress.Delivered
		}
		if round%2 == 0 {
			s.until(id, func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
		} else {
			s.restart() // on its way to the pause
		}
		before := s.until(id, still).Progress
		for range 2 {
			s.restart()
			// The live path works, and takes longer than a page of the replay.
			s.do("replay", "start", "--name", id+"-beside-"+strconv.Itoa(s.rng.Int()), "--wait")
			if after := s.until(id, still).Progress; after != before {
				t.Errorf("round %d: while paused, the progress went from %+v to %+v", round, before, after)
			}
		}
		if before.Delivered == before.Total {
			t.Errorf("round %d: paused after everything was delivered", round)
		}
		s.do("replay", "set-rate", id, "0")
		s.do("replay", "resume", id)
		s.succeeds(id)
	}
}

// A replay that was resumed goes on, however soon after that the platform is killed.
func TestKilledRightAfterAResume(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	for round := range kills(t) / 2 {
		id := "resumed-" + strconv.Itoa(round)
		s.begin(id, "200")
		s.do("replay", "pause", id)
		s.until(id, func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
		s.do("replay", "resume", id)
		s.restart()
		if v := s.until(id, func(v lifecycle.View) bool { return v.Status != "" }); v.Pausing ||
			v.Status == replay.ShownPaused {
			t.Errorf("round %d: after the resume it is %s, pausing %t", round, v.Status, v.Pausing)
		}
		s.do("replay", "set-rate", id, "0")
		s.succeeds(id)
	}
}

// A replay that failed is continued from its checkpoints, and the platform is killed again
// and again meanwhile.
func TestKilledWhileAContinuedReplayRuns(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	for round := range kills(t) / 2 {
		id := "continued-" + strconv.Itoa(round)
		s.begin(id, "500")
		s.fail(id)
		failed := s.until(id, func(v lifecycle.View) bool { return v.Status == replay.Failed })
		s.restart()
		s.do("replay", "continue", id)
		for range 3 {
			timer := time.NewTimer(time.Duration(s.rng.IntN(200)) * time.Millisecond)
			<-timer.C
			s.restart()
			at := s.until(id, func(v lifecycle.View) bool { return v.Status != "" })
			if at.Status.Ended() || at.Progress.Delivered < failed.Progress.Delivered || at.Generation != failed.Generation {
				t.Errorf("round %d: continued as %s of %s at %+v after %+v",
					round, at.Status, at.Generation, at.Progress, failed.Progress)
			}
		}
		s.do("replay", "set-rate", id, "0")
		s.succeeds(id)
	}
}

// fail lets a replay fail in the midst of its work.
func (s *steered) fail(id string) {
	s.t.Helper()
	client := sfn.New(sfn.Options{Region: "local", BaseEndpoint: aws.String(s.StepFunctions()),
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")})
	input, err := json.Marshal(map[string]string{"replay": id})
	if err == nil {
		_, err = client.StartExecution(s.t.Context(), &sfn.StartExecutionInput{Input: aws.String(string(input)),
			StateMachineArn: aws.String("arn:aws:states:local:000000000000:stateMachine:fail")})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// A rate that was acknowledged holds after a kill: at the one before, the rebuild would
// take minutes.
func TestKilledWhenARateWasJustSet(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	for round := range kills(t) / 2 {
		id := "rated-" + strconv.Itoa(round)
		s.begin(id, "2")
		s.do("replay", "set-rate", id, "1")
		s.do("replay", "set-rate", id, "0")
		s.restart()
		began := time.Now()
		if v := s.until(id, func(v lifecycle.View) bool { return v.Status != "" }); v.Pace != nil && v.Pace.Limit != 0 {
			t.Errorf("round %d: the limit is %d again", round, v.Pace.Limit)
		}
		s.succeeds(id)
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("round %d: took %s", round, took)
		}
	}
}
