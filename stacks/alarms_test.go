package stacks_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/stacks/logged"
)

func alarmOf(t *testing.T, name string) map[string]any {
	t.Helper()
	var found map[string]any
	each("AWS::CloudWatch::Alarm", func(_ string, r resource) {
		if r.Properties["AlarmName"] == "reprise-"+name {
			found = r.Properties
		}
	})
	if found == nil {
		t.Fatalf("there is no alarm %s", name)
	}
	return found
}

// TestLagAlarmsFollowTheRetention compares thresholds with the streams'
// retention: an alarm after the records have expired is useless.
func TestLagAlarmsFollowTheRetention(t *testing.T) {
	hours := map[string]float64{
		"event":    templates["data"].Resources["eventstream"].Properties["RetentionPeriodHours"].(float64),
		"playback": templates["replay"].Resources["playbackstream"].Properties["RetentionPeriodHours"].(float64),
	}
	for consumer, stream := range map[string]string{
		"pump-events": "event", "write-state": "event", "run-microservice": "event", "apply-playback": "playback"} {
		for part, of := range map[string]float64{"quarter": 4, "half": 2} {
			alarm := alarmOf(t, consumer+"-lag-"+part)
			if alarm["Threshold"] != hours[stream]*3_600_000/of || alarm["MetricName"] != "IteratorAge" ||
				alarm["Statistic"] != "Maximum" {
				t.Errorf("%s at a %s: %v", consumer, part, alarm)
			}
		}
	}
}

// TestAConsumerThatStandsStillIsNoticedInMinutes: one that returns every batch to be
// retried raises no error metric, and at a quarter of the retention 42 hours are gone.
func TestAConsumerThatStandsStillIsNoticedInMinutes(t *testing.T) {
	for _, consumer := range []string{"pump-events", "write-state", "run-microservice"} {
		alarm := alarmOf(t, consumer+"-lag-minutes")
		if alarm["MetricName"] != "IteratorAge" || alarm["Statistic"] != "Maximum" || alarm["Threshold"] != 5*60_000.0 ||
			alarm["Period"] != 60.0 || alarm["DatapointsToAlarm"] != 3.0 || alarm["EvaluationPeriods"] != 6.0 {
			t.Errorf("%s: %v", consumer, alarm)
		}
	}
	retried := alarmOf(t, "records-retried")
	var counted []string
	for _, m := range list(retried["Metrics"]) {
		if name, found := at(m, "MetricStat", "Metric", "MetricName").(string); found {
			counted = append(counted, name)
			if at(m, "MetricStat", "Period") != 300.0 || at(m, "MetricStat", "Stat") != "Sum" {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
	slices.Sort(counted)
	want := []string{"MicroserviceRetried", "PlaybackRetried", "PumpRetried", "WriteRetried"}
	if !slices.Equal(counted, want) || retried["Threshold"] != 1.0 || retried["EvaluationPeriods"] != 2.0 {
		t.Errorf("records-retried counts %v: %v", counted, retried)
	}
}

// TestAlarmsNameTheCommandsThatHelp, for resources that exist.
func TestAlarmsNameTheCommandsThatHelp(t *testing.T) {
	groups := make(map[string]bool)
	each("AWS::Logs::LogGroup", func(_ string, r resource) { groups[flat(t, r.Properties["LogGroupName"])] = true })
	each("AWS::CloudWatch::Alarm", func(id string, r resource) {
		says := flat(t, r.Properties["AlarmDescription"])
		_, commands, found := strings.Cut(says, ". Commands: ")
		if !found || !strings.Contains(commands, "aws ") && !strings.Contains(commands, "go tool reprise ") {
			t.Errorf("%s names no command: %s", id, says)
		}
		if len(says) > 1024 { // PutMetricAlarm
			t.Errorf("%s has a description of %d characters", id, len(says))
		}
		for _, tail := range regexp.MustCompile(`aws logs tail (\S+)`).FindAllStringSubmatch(says, -1) {
			if !groups[tail[1]] {
				t.Errorf("%s: there is no log group %s", id, tail[1])
			}
		}
	})
}

// TestEveryPromiseHasAnAlarm checks that the alarm notifies somebody and is not
// raised by missing data.
func TestEveryPromiseHasAnAlarm(t *testing.T) {
	for _, promise := range []string{
		"log-changed", "records-quarantined", "entities-parked", "generation-lost", "head-lost",
		"projection-runaway", "playback-damaged", "pump-stopped", "write-stopped",
		"functions-throttled", "tables-throttled", "event-stream-throttled", "consumers-failing",
		"watch-failing", "keeper-failing", "replay-failed", "replay-not-closed", "records-retried", "calls-failed",
		"verification-drift", "verification-failed", "verification-missing",
		"effects-parked", "effects-missed", "effects-not-retried",
	} {
		alarmOf(t, promise)
	}
	metrics := countMetrics(t, "")
	// What alarms cost depends on their metrics; the README has the figure.
	if plain := countMetrics(t, plain); metrics != alarmMetrics || plain != plainMetrics {
		t.Errorf("alarms read %d metrics, %d without a service", metrics, plain)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil || !strings.Contains(string(readme), fmt.Sprintf("%d metrics in alarms", plainMetrics)) {
		t.Errorf("the README does not say %d metrics in alarms: %v", plainMetrics, err)
	}
}

// countMetrics examines every alarm of a variant and counts the metrics that they read.
func countMetrics(t *testing.T, variant string) int {
	t.Helper()
	metrics := 0
	eachOf(variant, "AWS::CloudWatch::Alarm", func(id string, r resource) {
		missing, comparison := "notBreaching", "GreaterThanOrEqualToThreshold"
		if strings.Contains(id, "missing") {
			missing, comparison = "breaching", "LessThanThreshold"
		}
		if len(list(r.Properties["AlarmActions"])) != 1 || r.Properties["TreatMissingData"] != missing ||
			r.Properties["ComparisonOperator"] != comparison {
			t.Errorf("%s: %v", id, r.Properties)
		}
		period, found := r.Properties["Period"].(float64)
		if found && period*r.Properties["EvaluationPeriods"].(float64) > 7*24*3600 {
			t.Errorf("%s looks back further than a week", id)
		}
		metrics += max(1, len(list(r.Properties["Metrics"]))-1)
	})
	return metrics
}

// The metrics of all alarms, with a service and without.
const alarmMetrics, plainMetrics = 58, 47

// That each line is logged is tested where the functions are put together.
func TestCountedLinesHaveAMetricAndAnAlarm(t *testing.T) {
	patterns, watched := make(map[string]string), make(map[string]bool)
	each("AWS::Logs::MetricFilter", func(id string, r resource) {
		transformation := list(r.Properties["MetricTransformations"])[0]
		if at(transformation, "Dimensions") != nil {
			t.Errorf("%s has dimensions, each of which costs money", id)
		}
		group, _ := r.Properties["LogGroupName"].(string)
		metric, _ := at(transformation, "MetricName").(string)
		patterns[metric] = group + " " + r.Properties["FilterPattern"].(string)
	})
	each("AWS::CloudWatch::Alarm", func(_ string, r resource) {
		for _, m := range list(r.Properties["Metrics"]) {
			if at(m, "MetricStat", "Metric", "Namespace") == "Reprise/reprise" {
				name, _ := at(m, "MetricStat", "Metric", "MetricName").(string)
				watched[name] = true
			}
		}
	})
	for _, line := range logged.Lines() {
		if got, want := patterns[line.Metric], "/aws/lambda/reprise-"+line.Folder+" "+line.Pattern(); got != want {
			t.Errorf("%s counts %q, want %q", line.Metric, got, want)
		}
		if !watched[line.Metric] {
			t.Errorf("no alarm uses %s", line.Metric)
		}
		delete(patterns, line.Metric)
	}
	if len(patterns) > 0 {
		t.Errorf("filters without a line: %v", patterns)
	}
}

// The verification starts every night: its failure to start is kept, and its absence
// rings.
func TestTheVerificationIsScheduled(t *testing.T) {
	schedules := 0
	each("AWS::Scheduler::Schedule", func(id string, r resource) {
		schedules++
		target := r.Properties["Target"]
		if r.Properties["ScheduleExpression"] != "cron(0 3 * * ? *)" || r.Properties["State"] != "ENABLED" ||
			r.Properties["ScheduleExpressionTimezone"] != "UTC" ||
			!strings.HasSuffix(flat(t, at(target, "Arn")), ":stateMachine:reprise-verify") || at(target, "Input") != "{}" ||
			!strings.HasSuffix(flat(t, at(target, "DeadLetterConfig", "Arn")), ":reprise-failed-calls") {
			t.Errorf("%s: %+v", id, r.Properties)
		}
	})
	if schedules != 1 {
		t.Errorf("%d schedules", schedules)
	}
	heartbeats := 0
	each("AWS::CloudWatch::Alarm", func(_ string, r resource) {
		if r.Properties["TreatMissingData"] == "breaching" {
			heartbeats++
			if r.Properties["ComparisonOperator"] != "LessThanThreshold" || r.Properties["EvaluationPeriods"] != 26.0 {
				t.Errorf("%+v", r.Properties)
			}
			for _, m := range list(r.Properties["Metrics"]) {
				if period := at(m, "MetricStat", "Period"); period != nil && period != 3600.0 {
					t.Errorf("sums over %v s", period)
				}
			}
		}
	})
	if heartbeats != 1 {
		t.Errorf("%d alarms of what is missing", heartbeats)
	}
}
