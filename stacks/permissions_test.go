package stacks_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"reprise/workflows"
)

// anyResource are the actions that take no resource (Service Authorization
// Reference), or that a condition restricts.
var anyResource = []string{
	"cloudwatch:GetMetricStatistics", "dynamodb:ListStreams", "dynamodb:ListTables",
	"lambda:ListEventSourceMappings", "lambda:CreateEventSourceMapping",
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
	"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
}

func TestNoStatementIsWide(t *testing.T) {
	for _, s := range statements(t) {
		for _, action := range s.actions {
			if strings.Contains(action, "*") {
				t.Errorf("%s: the action %s is a wildcard", s.policy, action)
			}
			if slices.Contains(s.resources, "*") && !slices.Contains(anyResource, action) {
				t.Errorf("%s: %s on every resource", s.policy, action)
			}
			if action == "lambda:CreateEventSourceMapping" || action == "lambda:DeleteEventSourceMapping" {
				condition, _ := json.Marshal(s.condition)
				if !strings.Contains(string(condition), "lambda:FunctionArn") ||
					!strings.Contains(string(condition), "reprise-write-state:*") {
					t.Errorf("%s: %s is not held to the aliases of write-state: %s", s.policy, action, condition)
				}
			}
		}
		for _, resource := range s.resources {
			if resource != "*" && strings.Contains(resource, ":table/") && !strings.Contains(resource, ":table/reprise-") {
				t.Errorf("%s: %s is not a table of this platform", s.policy, resource)
			}
		}
	}
	each("AWS::IAM::Role", func(id string, r resource) {
		if r.Properties["ManagedPolicyArns"] != nil {
			t.Errorf("%s has managed policies: %v", id, r.Properties["ManagedPolicyArns"])
		}
	})
}

// TestTheLogIsAppendOnly checks both sides: no role may change the log, and the
// table allows nobody to.
func TestTheLogIsAppendOnly(t *testing.T) {
	forbidden := []string{"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteTable",
		"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
	var writers []string
	for _, s := range statements(t) {
		reaches := slices.ContainsFunc(s.resources, func(r string) bool {
			return r == "*" || strings.HasSuffix(r, ":table/reprise-events") ||
				strings.HasSuffix(r, ":table/reprise-*") || strings.HasSuffix(r, ":table/*")
		})
		if !reaches {
			continue
		}
		for _, action := range s.actions {
			if slices.Contains(forbidden, action) {
				t.Errorf("%s may %s the Events table", s.policy, action)
			}
			if action == "dynamodb:PutItem" {
				writers = append(writers, s.policy)
			}
		}
	}
	if len(writers) != 1 || !strings.HasPrefix(writers[0], "pumpevents") {
		t.Errorf("the log is written by %v", writers)
	}
	denied := at(templates["data"].Resources["eventstable"].Properties, "ResourcePolicy", "PolicyDocument", "Statement")
	first := list(denied)[0]
	if at(first, "Effect") != "Deny" || at(first, "Principal") != "*" {
		t.Errorf("the resource policy does not deny everybody: %v", first)
	}
	for _, action := range forbidden {
		if action != "dynamodb:DeleteTable" && !slices.Contains(list(at(first, "Action")), any(action)) {
			t.Errorf("the resource policy does not deny %s", action)
		}
	}
}

// promote and the steps only call it.
func TestOnlyKeepConsumersTouchesMappings(t *testing.T) {
	for _, s := range statements(t) {
		for _, action := range s.actions {
			changes := strings.HasPrefix(action, "lambda:") && action != "lambda:InvokeFunction"
			if changes && !strings.HasPrefix(s.policy, "keepconsumers") {
				t.Errorf("%s may %s", s.policy, action)
			}
		}
	}
}

func TestTheMachineStartsItsOwnChildrenOnly(t *testing.T) {
	got := make(map[string][]string)
	for _, s := range statements(t) {
		if !strings.HasPrefix(s.policy, "replayrole") {
			continue
		}
		for _, action := range s.actions {
			if strings.HasPrefix(action, "states:") {
				got[action] = append(got[action], s.resources...)
			}
		}
	}
	for action, resource := range map[string]string{
		"states:StartExecution":    "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-replay",
		"states:DescribeExecution": "arn:aws:states:eu-west-1:123456789012:execution:reprise-replay:*",
		"states:StopExecution":     "arn:aws:states:eu-west-1:123456789012:execution:reprise-replay:*",
	} {
		if !slices.Equal(got[action], []string{resource}) {
			t.Errorf("%s on %v, want %s", action, got[action], resource)
		}
	}
}

// It may read those of its own machine, and nothing else.
func TestOnlyReportReplayReadsHistories(t *testing.T) {
	var definition struct {
		States map[string]struct{ Type, Label string }
	}
	if err := json.Unmarshal([]byte(workflows.Replay()), &definition); err != nil {
		t.Fatal(err)
	}
	const place = ":eu-west-1:123456789012:"
	execution := "arn:aws:states" + place + "execution:reprise-replay"
	want := map[string][]string{
		"states:GetExecutionHistory": {execution + ":*"},
		"states:ListMapRuns":         {execution + ":*"},
	}
	for _, state := range definition.States {
		if state.Type == "Map" {
			want["states:GetExecutionHistory"] = append(want["states:GetExecutionHistory"], execution+"/"+state.Label+":*")
			want["states:ListExecutions"] = append(
				want["states:ListExecutions"],
				"arn:aws:states"+place+"mapRun:reprise-replay/"+state.Label+":*",
			)
		}
	}
	got := make(map[string][]string)
	for _, s := range statements(t) {
		for _, action := range s.actions {
			mine := strings.HasPrefix(s.policy, "reportreplay")
			if mine && strings.HasPrefix(action, "states:") {
				got[action] = append(got[action], s.resources...)
			}
			if !mine && (action == "states:GetExecutionHistory" || action == "states:ListMapRuns") {
				t.Errorf("%s may %s", s.policy, action)
			}
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("report-replay may\n%v, want\n%v", got, want)
	}
}
