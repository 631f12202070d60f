package stacks_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/stacks/logged"
)

// emitted are the metrics that services emit with one dimension, as their manuals list
// them ("Types of metrics for Lambda functions", "Kinesis stream-level metrics",
// "DynamoDB metrics and dimensions", "Monitoring Step Functions metrics", "Available
// CloudWatch metrics for Amazon SQS").
func emitted() map[string]struct {
	dimension string
	names     []string
} {
	type metrics = struct {
		dimension string
		names     []string
	}
	return map[string]metrics{
		"AWS/Lambda":   {"FunctionName", []string{"Invocations", "Errors", "Throttles", "IteratorAge"}},
		"AWS/Kinesis":  {"StreamName", []string{"IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded"}},
		"AWS/DynamoDB": {"TableName", []string{"WriteThrottleEvents"}},
		"AWS/States": {"StateMachineArn", []string{"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed",
			"ExecutionsTimedOut", "ExecutionsAborted"}},
		"AWS/SQS": {"QueueName", []string{"ApproximateNumberOfMessagesVisible"}},
	}
}

// seen is a metric that an alarm or a widget shows.
type seen struct{ where, namespace, name, dimension, value, statistic string }

// alarmed are the metrics of all alarms.
func alarmed(t *testing.T) (all []seen) {
	t.Helper()
	each("AWS::CloudWatch::Alarm", func(id string, r resource) {
		metrics := []any{r.Properties}
		statistic := r.Properties["Statistic"]
		for _, m := range list(r.Properties["Metrics"]) {
			if stat := at(m, "MetricStat"); stat != nil {
				metrics[0], statistic = nil, at(stat, "Stat")
				metrics = append(metrics, at(stat, "Metric"))
			}
		}
		for _, m := range metrics {
			if m == nil {
				continue
			}
			one := seen{where: id, namespace: fmt.Sprint(at(m, "Namespace")), name: fmt.Sprint(at(m, "MetricName")),
				statistic: fmt.Sprint(statistic)}
			for _, dimension := range list(at(m, "Dimensions")) {
				one.dimension += fmt.Sprint(at(dimension, "Name"))
				one.value += flat(t, at(dimension, "Value"))
			}
			all = append(all, one)
		}
	})
	return all
}

// shown are the metrics of the dashboard. A widget may abbreviate what is as in the
// line before with a dot.
func shown(t *testing.T) (all []seen) {
	t.Helper()
	each("AWS::CloudWatch::Dashboard", func(id string, r resource) {
		var board struct {
			Widgets []struct {
				Properties struct {
					Title   string
					Metrics [][]any
				}
			}
		}
		if err := json.Unmarshal([]byte(flat(t, r.Properties["DashboardBody"])), &board); err != nil {
			t.Fatal(err)
		}
		for _, widget := range board.Widgets {
			for _, m := range widget.Properties.Metrics {
				one := seen{where: widget.Properties.Title, namespace: m[0].(string), name: m[1].(string)}
				options, _ := m[len(m)-1].(map[string]any)
				one.statistic, _ = options["stat"].(string)
				for i := 2; i+1 < len(m); i += 2 {
					if value, ok := m[i+1].(string); ok {
						one.dimension, one.value = one.dimension+m[i].(string), one.value+value
					}
				}
				all = append(all, one)
			}
		}
	})
	return all
}

// existing are the values that a dimension may have.
func existing(t *testing.T) map[string][]string {
	t.Helper()
	values := make(map[string][]string)
	for dimension, named := range map[string][2]string{
		"FunctionName": {"AWS::Lambda::Function", "FunctionName"},
		"StreamName":   {"AWS::Kinesis::Stream", "Name"},
		"TableName":    {"AWS::DynamoDB::Table", "TableName"},
		"QueueName":    {"AWS::SQS::Queue", "QueueName"},
	} {
		each(named[0], func(_ string, r resource) {
			values[dimension] = append(values[dimension], flat(t, r.Properties[named[1]]))
		})
	}
	each("AWS::StepFunctions::StateMachine", func(_ string, r resource) {
		name := flat(t, r.Properties["StateMachineName"])
		values["StateMachineArn"] = append(values["StateMachineArn"],
			"arn:aws:states:eu-west-1:123456789012:stateMachine:"+name)
	})
	return values
}

// TestMetricsAreEmitted compares every metric of every alarm and of the dashboard with
// what the services and the functions' log lines emit. An alarm on a metric that nobody
// emits is never raised.
func TestMetricsAreEmitted(t *testing.T) {
	values, own := existing(t), make(map[string]bool)
	for _, line := range logged.Lines() {
		own[line.Metric] = true
	}
	readers := []string{"pump-events", "write-state", "run-microservice", "apply-playback", "watch-log"}
	alarms, widgets := alarmed(t), shown(t)
	for _, m := range append(slices.Clone(alarms), widgets...) {
		if m.namespace == "Reprise/reprise" {
			if !own[m.name] || m.dimension != "" || m.statistic != "Sum" {
				t.Errorf("%s: no log line is counted as %+v", m.where, m)
			}
			continue
		}
		known, found := emitted()[m.namespace]
		if !found || m.dimension != known.dimension || !slices.Contains(known.names, m.name) ||
			!slices.Contains(values[m.dimension], m.value) {
			t.Errorf("%s: no service emits %+v", m.where, m)
		}
		if m.name == "IteratorAge" && !slices.Contains(readers, strings.TrimPrefix(m.value, "reprise-")) {
			t.Errorf("%s: %s reads no stream", m.where, m.value)
		}
		level := m.name == "IteratorAge" || m.name == "ApproximateNumberOfMessagesVisible"
		if want := map[bool]string{true: "Maximum", false: "Sum"}[level]; m.statistic != want {
			t.Errorf("%s: %s of %s, want %s", m.where, m.statistic, m.name, want)
		}
	}
	if len(alarms) != alarmMetrics || len(widgets) < 30 {
		t.Errorf("%d metrics in alarms and %d in the dashboard", len(alarms), len(widgets))
	}
}
