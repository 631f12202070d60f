package stacks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMappingsNeverGiveUp fixes the settings on which completeness and order
// depend.
func TestMappingsNeverGiveUp(t *testing.T) {
	streams := 0
	each("AWS::Lambda::EventSourceMapping", func(id string, r resource) {
		p := r.Properties
		for name, want := range map[string]any{
			"MaximumRetryAttempts":      -1.0,
			"MaximumRecordAgeInSeconds": -1.0,
			"StartingPosition":          "TRIM_HORIZON",
		} {
			if p[name] != want {
				t.Errorf("%s: %s is %v, want %v", id, name, p[name], want)
			}
		}
		if p["Enabled"] == false || p["DestinationConfig"] != nil {
			t.Errorf("%s is disabled or sends failed records elsewhere: %v", id, p)
		}
		if !strings.Contains(flat(t, p["EventSourceArn"]), ":kinesis:") {
			return
		}
		streams++
		if p["BisectBatchOnFunctionError"] != false || p["ParallelizationFactor"] != 1.0 ||
			!slices.Equal(list(p["FunctionResponseTypes"]), []any{"ReportBatchItemFailures"}) ||
			p["TumblingWindowInSeconds"] != nil {
			t.Errorf("%s: %v", id, p)
		}
	})
	if streams != 3 {
		t.Errorf("%d mappings of Kinesis streams", streams)
	}
}

// TestEverySourceIsRead finds streams that nothing reads. The generations'
// consumers are made by keep-consumers and are not in a template.
func TestEverySourceIsRead(t *testing.T) {
	var read []string
	each("AWS::Lambda::EventSourceMapping", func(_ string, r resource) {
		read = append(read, flat(t, r.Properties["EventSourceArn"]))
	})
	isRead := func(suffix string) bool {
		return slices.ContainsFunc(read, func(arn string) bool { return strings.HasSuffix(arn, suffix) })
	}
	each("AWS::Kinesis::Stream", func(id string, r resource) {
		if !isRead(":stream/" + r.Properties["Name"].(string)) {
			t.Errorf("nothing reads %s", id)
		}
		if at(r.Properties, "StreamModeDetails", "StreamMode") != "PROVISIONED" ||
			at(r.Properties, "StreamEncryption", "EncryptionType") != "KMS" {
			t.Errorf("%s: %v", id, r.Properties)
		}
	})
	each("AWS::DynamoDB::Table", func(id string, r resource) {
		if r.Properties["StreamSpecification"] != nil && !isRead(id+".StreamArn") {
			t.Errorf("nothing reads the stream of %s", id)
		}
	})
}

// TestTablesOutliveMistakes. The table of keys has no backups on purpose: they would keep
// the keys that were destroyed.
func TestTablesOutliveMistakes(t *testing.T) {
	tables := 0
	each("AWS::DynamoDB::Table", func(id string, r resource) {
		tables++
		p := r.Properties
		if p["DeletionProtectionEnabled"] != true || p["BillingMode"] != "PAY_PER_REQUEST" ||
			r.DeletionPolicy != "Retain" ||
			at(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != (id != "keystable") ||
			at(p, "SSESpecification", "SSEEnabled") != true || p["GlobalSecondaryIndexes"] != nil ||
			p["LocalSecondaryIndexes"] != nil || p["TimeToLiveSpecification"] != nil {
			t.Errorf("%s: %s %v", id, r.DeletionPolicy, p)
		}
	})
	if policy := templates["data"].Resources["eventstream"].UpdateReplacePolicy; policy != "Retain" {
		t.Errorf("a replaced event stream: %s", policy)
	}
	if tables != 4 || templates["data"].Resources["eventstream"].DeletionPolicy != "RetainExceptOnCreate" {
		t.Errorf("%d tables; the event stream: %s", tables, templates["data"].Resources["eventstream"].DeletionPolicy)
	}
}

// TestChangesOfTheLogRaiseAnAlarm follows a change from the table's stream to
// the alarm.
func TestChangesOfTheLogRaiseAnAlarm(t *testing.T) {
	data := templates["data"].Resources
	if view := at(data["eventstable"].Properties, "StreamSpecification", "StreamViewType"); view != "KEYS_ONLY" {
		t.Errorf("the stream shows %v", view)
	}
	filter := fmt.Sprint(at(data["watchlogmapping"].Properties, "FilterCriteria", "Filters"))
	if !strings.Contains(filter, `{"eventName":["MODIFY","REMOVE"]}`) {
		t.Errorf("the filter is %s", filter)
	}
	alarm := alarmOf(t, "log-changed")
	if alarm["MetricName"] != "Invocations" || alarm["Threshold"] != 1.0 ||
		!strings.Contains(fmt.Sprint(alarm["Dimensions"]), "reprise-watch-log") {
		t.Errorf("the alarm is %v", alarm)
	}
	// One call is enough, at once.
	if alarm["Statistic"] != "Sum" || alarm["EvaluationPeriods"] != 1.0 || alarm["DatapointsToAlarm"] != 1.0 ||
		alarm["ComparisonOperator"] != "GreaterThanOrEqualToThreshold" {
		t.Errorf("the alarm is not raised by one call: %v", alarm)
	}
}
