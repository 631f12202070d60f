package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"reprise/pkg/aws/settings"
)

func (w *world) doctor(t *testing.T) *Doctor {
	t.Helper()
	names, err := settings.NewNames("reprise")
	if err != nil {
		t.Fatal(err)
	}
	return &Doctor{Region: w.region, Names: names, identity: w, parameters: w, quotas: w, stacks: w, tables: w,
		streams: w, functions: w, machines: w, alarms: w}
}

// examine returns the findings by subject.
func (w *world) examine(t *testing.T) (Report, map[string][]Finding) {
	t.Helper()
	report := w.doctor(t).Examine(t.Context())
	bySubject := make(map[string][]Finding)
	for _, f := range report.Findings {
		bySubject[f.Subject] = append(bySubject[f.Subject], f)
		if f.Level != Fine && f.Do == "" {
			t.Errorf("%s does not say what to do", f.Subject)
		}
	}
	return report, bySubject
}

func TestASoundDeploymentIsFine(t *testing.T) {
	report, _ := newWorld().examine(t)
	for _, f := range report.Findings {
		if f.Level != Fine {
			t.Errorf("%+v", f)
		}
	}
	if !report.Deployed || !report.Sound() || report.Account != "123456789012" || len(report.Findings) < 17 {
		t.Errorf("%+v", report)
	}
}

func TestAnAccountWithoutADeploymentIsSound(t *testing.T) {
	w := newWorld()
	w.stackStatus = map[string]string{}
	report, found := w.examine(t)
	if !report.Sound() || report.Deployed || found["deployment"][0].Level != Note {
		t.Errorf("%+v", report)
	}
}

// TestFaultsAreFound breaks one thing at a time and looks for its finding.
func TestFaultsAreFound(t *testing.T) {
	mapping := func(index int, change func(*types.EventSourceMappingConfiguration)) func(*world) {
		return func(w *world) { change(&w.mappings[index]) }
	}
	for name, c := range map[string]struct {
		fault   func(*world)
		subject string
		level   Level
		says    string
	}{
		"no region":       {func(w *world) { w.region = "" }, "region", Mend, "not set"},
		"no credentials":  {func(w *world) { w.fail["identity"] = errDenied }, "credentials", Mend, "not accepted"},
		"other partition": {func(w *world) { w.partition = "aws-cn" }, "region", Mend, "aws-cn"},
		"no bootstrap":    {func(w *world) { w.bootstrap = "" }, "bootstrap", Mend, "not bootstrapped"},
		"old bootstrap":   {func(w *world) { w.bootstrap = "5" }, "bootstrap", Mend, "at least 6"},
		"new account": {
			func(w *world) { w.concurrency, w.stackStatus = 10, map[string]string{} },
			"Lambda concurrency", Note, "10 concurrent executions, 10 unreserved: the defaults",
		},
		"too few executions": {func(w *world) { w.concurrency = 9 }, "Lambda concurrency", Mend, "needs 10"},
		"made for more": {
			func(w *world) { w.concurrency = 500 },
			"settings", Mend, "reprise:concurrency=1000 was deployed, but the account has 500",
		},
		"nothing recorded": {func(w *world) { w.settings = "" }, "settings", Mend, "does not say"},
		"few shards":       {func(w *world) { w.openShards = 499 }, "Kinesis shards", Note, "499 of 500"},
		"many tables":      {func(w *world) { w.tableQuota = 5 }, "DynamoDB tables", Note, "of 5"},
		"stack failed": {
			func(w *world) { w.stackStatus["reprise-replay"] = "UPDATE_ROLLBACK_FAILED" },
			"stack reprise-replay", Mend, "FAILED",
		},
		"stack rolled": {
			func(w *world) { w.stackStatus["reprise-replay"] = "UPDATE_ROLLBACK_COMPLETE" },
			"stack reprise-replay", Mend, "ROLLBACK",
		},
		"stack moves": {
			func(w *world) { w.stackStatus["reprise-replay"] = "UPDATE_IN_PROGRESS" },
			"stack reprise-replay", Note, "PROGRESS",
		},
		"stack missing": {
			func(w *world) { delete(w.stackStatus, "reprise-operations") },
			"stack reprise-operations", Mend, "does not exist",
		},
		"unprotected": {func(w *world) { w.unprotected = true }, "table reprise-events", Mend, "deletion protection"},
		"no recovery": {func(w *world) { w.noRecovery = true }, "table reprise-control", Mend, "point-in-time"},
		"keys are kept": {
			func(w *world) { w.keepsKeys = true }, "table reprise-keys", Mend, "those who were erased",
		},
		"no log stream": {func(w *world) { w.noLogStream = true }, "table reprise-events", Mend, "no stream"},
		"no policy":     {func(w *world) { w.policy = "" }, "table reprise-events", Mend, "no policy"},
		"weak policy": {
			func(w *world) { w.policy = strings.Replace(soundPolicy, "dynamodb:DeleteItem", "dynamodb:Scan", 1) },
			"table reprise-events", Mend, "DeleteItem",
		},
		"conditional": {
			func(w *world) {
				w.policy = strings.Replace(soundPolicy, `"Effect"`, `"Condition":{"Bool":{"a":"b"}},"Effect"`, 1)
			},
			"table reprise-events", Mend, "UpdateItem",
		},
		"pump unmapped": {
			func(w *world) { w.mappings = slices.Delete(w.mappings, 0, 1) },
			"consumer pump-events", Mend, "no event source mapping",
		},
		"service unmapped": {
			func(w *world) { w.mappings = slices.Delete(w.mappings, 1, 2) },
			"consumer run-microservice", Mend, "no event source mapping",
		},
		"pump disabled": {
			mapping(0, func(m *types.EventSourceMappingConfiguration) { m.State = aws.String("Disabled") }),
			"consumer pump-events", Mend, "disabled",
		},
		"pump gives up": {
			mapping(0, func(m *types.EventSourceMappingConfiguration) { m.MaximumRetryAttempts = aws.Int32(5) }),
			"consumer pump-events", Mend, "5 retries",
		},
		"pump ages out": {
			mapping(0, func(m *types.EventSourceMappingConfiguration) { m.MaximumRecordAgeInSeconds = aws.Int32(60) }),
			"consumer pump-events", Mend, "60 s",
		},
		"halves": {
			mapping(2, func(m *types.EventSourceMappingConfiguration) { m.BisectBatchOnFunctionError = aws.Bool(true) }),
			"consumer write-state of generation g0001",
			Mend, "splits batches",
		},
		"no report": {
			mapping(3, func(m *types.EventSourceMappingConfiguration) { m.FunctionResponseTypes = nil }),
			"consumer apply-playback", Mend, "report",
		},
		"coming": {
			mapping(2, func(m *types.EventSourceMappingConfiguration) { m.State = aws.String("Creating") }),
			"consumer write-state of generation g0001",
			Note, "creating",
		},
		"unfiltered": {
			mapping(4, func(m *types.EventSourceMappingConfiguration) { m.FilterCriteria = nil }),
			"consumer watch-log", Mend, "filtered",
		},
		"machine deleted": {
			func(w *world) { w.machineStatus = "DELETING" },
			"state machine reprise-replay", Mend, "DELETING",
		},
		"machine hidden": {
			func(w *world) { w.fail["machine"] = errDenied },
			"state machine reprise-replay", Mend, "could not be read",
		},
		"alarm raised": {func(w *world) { w.raised = true }, "alarm reprise-log-changed", Mend, "raised"},
		"alarm silent": {func(w *world) { w.silent = true }, "alarm reprise-log-changed", Note, "nobody"},
		"no alarms":    {func(w *world) { w.noAlarms = true }, "alarms", Mend, "do not exist"},
		"stream hidden": {
			func(w *world) { w.fail["stream"] = errDenied },
			"stream reprise-event-stream", Mend, "could not be read",
		},
		"quotas hidden": {func(w *world) { w.fail["limits"] = errDenied }, "Kinesis shards", Mend, "could not be read"},
	} {
		w := newWorld()
		c.fault(w)
		report, found := w.examine(t)
		ok := slices.ContainsFunc(found[c.subject], func(f Finding) bool {
			return f.Level == c.level && strings.Contains(f.Says, c.says)
		})
		if !ok || report.Sound() != (c.level != Mend) {
			t.Errorf("%s: sound %t, %s: %+v", name, report.Sound(), c.subject, found[c.subject])
		}
	}
}

// TestTheReportSaysWhatADeployMayChange, from what is there and not from what was
// deployed: the stream was deployed with three shards and has one.
func TestTheReportSaysWhatADeployMayChange(t *testing.T) {
	_, found := newWorld().examine(t)
	want := "reprise:lanes=64 and reprise:bucket=day, which never change; the next deploy may have 1 to 2 " +
		"reprise:shards and 1 to 2 reprise:playbackShards"
	if len(found["settings"]) != 1 || found["settings"][0].Says != want {
		t.Errorf("%+v, want %s", found["settings"], want)
	}
}

// TestRecordedSettingsAreThoseOfTheAccount that is deployed to.
func TestRecordedSettingsAreThoseOfTheAccount(t *testing.T) {
	w := newWorld()
	d := w.doctor(t)
	recorded, found, err := d.Recorded(t.Context(), "123456789012")
	want := Recorded{Lanes: 64, Bucket: "day", Shards: 1, PlaybackShards: 1, Concurrency: 1000, Service: true,
		Personal: true}
	if !found || err != nil || recorded != want {
		t.Errorf("%+v, %t, %v", recorded, found, err)
	}
	if _, _, err := d.Recorded(t.Context(), "210987654321"); err == nil || !strings.Contains(err.Error(), "123456789012") {
		t.Errorf("another account: %v", err)
	}
	w.stackStatus = map[string]string{}
	if _, found, err := d.Recorded(t.Context(), "123456789012"); found || err != nil {
		t.Errorf("no deployment: %t, %v", found, err)
	}
	w.stackStatus, w.fail["stream"] = newWorld().stackStatus, errDenied
	if _, _, err := d.Recorded(t.Context(), "123456789012"); !errors.Is(err, errDenied) {
		t.Errorf("hidden: %v", err)
	}
}

// TestADeploymentWithoutAServiceNeedsNoConsumerOfIt: neither function nor mapping exist.
func TestADeploymentWithoutAServiceNeedsNoConsumerOfIt(t *testing.T) {
	w := newWorld()
	w.settings = strings.Replace(w.settings, `"service":true`, `"service":false`, 1)
	w.mappings = slices.Delete(w.mappings, 1, 2)
	if report := w.doctor(t).Examine(t.Context()); !report.Sound() {
		t.Errorf("%+v", report.Findings)
	}
}
