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
				text := string(condition)
				if !strings.Contains(text, "lambda:FunctionArn") || !strings.Contains(text, "reprise-write-state:*") ||
					strings.Count(text, "function:reprise-write-state") != 2 || strings.Count(text, ":function:") != 2 {
					t.Errorf("%s: %s is not held to write-state and its aliases: %s", s.policy, action, text)
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
		"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:UpdateTimeToLive"}
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

// They may read those of replays and of their children, and nothing else.
func TestOnlyTwoFunctionsReadHistories(t *testing.T) {
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
			reads := action == "states:GetExecutionHistory" || action == "states:ListMapRuns"
			if mine && strings.HasPrefix(action, "states:") {
				got[action] = append(got[action], s.resources...)
			}
			if shows := strings.HasPrefix(s.policy, "serveapi"); shows && reads && !slices.Equal(s.resources, want[action]) {
				t.Errorf("%s may %s on %v", s.policy, action, s.resources)
			} else if !mine && !shows && reads && (action != "states:ListMapRuns" || !steers(s)) {
				t.Errorf("%s may %s", s.policy, action)
			}
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("report-replay may\n%v, want\n%v", got, want)
	}
}

// steers reports whether a statement is of a function that sets the parallelism of
// replays, and names their executions only.
func steers(s statement) bool {
	named := slices.ContainsFunc([]string{"serveapi", "controlreplay", "keepconsumers"}, func(name string) bool {
		return strings.HasPrefix(s.policy, name)
	})
	return named && slices.Equal(s.resources, []string{"arn:aws:states:eu-west-1:123456789012:execution:reprise-replay:*"})
}

// TestOnlyMapRunsOfReplaysAreChanged by those who set the parallelism of replays.
func TestOnlyMapRunsOfReplaysAreChanged(t *testing.T) {
	var who []string
	for _, s := range statements(t) {
		if !slices.Contains(s.actions, "states:UpdateMapRun") {
			continue
		}
		who = append(who, strings.Split(s.policy, "role")[0])
		only := []string{"arn:aws:states:eu-west-1:123456789012:mapRun:reprise-replay/ReadSegments:*"}
		if !slices.Equal(s.resources, only) {
			t.Errorf("%s may change %v", s.policy, s.resources)
		}
	}
	if slices.Sort(who); !slices.Equal(who, []string{"controlreplay", "keepconsumers", "serveapi"}) {
		t.Errorf("map runs are changed by %v", who)
	}
}

// TestWhatTheInternetReachesDropsNothing: functions behind the HTTP API remove neither
// tables nor control documents, and change only few partitions of the control table.
func TestWhatTheInternetReachesDropsNothing(t *testing.T) {
	for _, s := range statements(t) {
		behindAPI := strings.HasPrefix(s.policy, "serveapi") || strings.HasPrefix(s.policy, "loadevents") ||
			strings.HasPrefix(s.policy, "importevents")
		for _, action := range s.actions {
			drops := []string{"dynamodb:DeleteTable", "dynamodb:DeleteItem", "dynamodb:ListTables"}
			if behindAPI && slices.Contains(drops, action) {
				t.Errorf("%s may %s", s.policy, action)
			}
		}
	}
}

// TestControlDocumentsAreWrittenByPartition: every right to write the control table
// names partitions.
func TestControlDocumentsAreWrittenByPartition(t *testing.T) {
	seen := 0
	for _, s := range statements(t) {
		for _, action := range s.actions {
			if (action != "dynamodb:PutItem" && action != "dynamodb:DeleteItem") ||
				!strings.HasSuffix(s.resources[0], ":table/reprise-control") {
				continue
			}
			seen++
			keys := list(at(s.condition, "ForAllValues:StringLike", "dynamodb:LeadingKeys"))
			if len(keys) == 0 || slices.Contains(keys, any("*")) {
				t.Errorf("%s: %s in every partition", s.policy, action)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d rights were seen", seen)
	}
}
