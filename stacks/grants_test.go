package stacks_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// everyFunction is what each function may do beside what its own code calls: write its
// log and traces, read and enter the settings and the epoch of a new platform, and
// describe the event stream.
const everyFunction = "control: GetItem PutItem(platform,epochs); event-stream: DescribeStreamSummary"

// consuming is what an event source mapping requires of its function's role.
const consuming = "DescribeStream DescribeStreamSummary GetRecords GetShardIterator ListShards"

// grants has, for each function and resource, the operations that its code
// calls:
//
//   - generations: GetItem reads a mark, and what stands in the way of a refused
//     put (rows, marks, identities); BatchGetItem reads rows; Query those of a
//     lane, and the index of parked entities; PutItem writes rows, marks,
//     identities and that index. Closing a replay reads the marks of what may be
//     kept to go back to, drops tables and lists them. DescribeTable says how large one is.
//   - events: Query reads entries, the quarantine and witnesses; GetItem looks a
//     single entry up, and the parts of a large record in quarantine.
//   - control, by partition: PutItem into registry also enters a loss or the check of
//     the projections' code, and takes a hold that is over; into replays
//     it also notes an error, and into replay#* it writes plans, checkpoints, marks and
//     costs.
//     DeleteItem removes the replays of long ago, as every close does. BatchGetItem
//     reads heads, manifests, checkpoints and plans of lanes; Query lists replays,
//     manifests, registers and costs.
//
// The tests of a deployment compare the same roles with every call that is made.
func grants() map[string]map[string]string {
	const (
		dropping = " DeleteTable DescribeTable"
		aliases  = "CreateAlias DeleteAlias ListAliases UpdateAlias"
	)
	const reacting = "effects#*,memory#*,identities#*,marks,births,waiting"
	// GetItem reads what stands in the way of a refused put, and the row that is erased.
	const keys = "BatchGetItem GetItem PutItem"
	const verifications = "verifications,verifications-running,verification#*"
	const forgets = " DeleteItem(replays,replay#*)"
	puts := func(partitions string) string { return " PutItem(" + partitions + ")" }
	creating := " CreateTable DescribeTable TagResource UpdateContinuousBackups"
	return map[string]map[string]string{
		"load-events": {"event-stream": "PutRecord", "*": "GetMetricStatistics", "keys": keys, "kms": "Decrypt Encrypt"},
		"import-events": {"control": "BatchGetItem", "event-stream": "PutRecord", "*": "GetMetricStatistics", "keys": keys,
			"kms": "Decrypt Encrypt"},
		"serve-api": {"control": "BatchGetItem Query" + puts("registry,replays,verifications"), "events": "GetItem Query",
			"generation-*": "BatchGetItem BatchWriteItem DescribeTable GetItem Query Scan",
			"event-stream": "PutRecord",
			"keys":         keys, "kms": "Decrypt",
			"playback":      "DescribeStreamSummary",
			"replay":        "ListExecutions SendTaskSuccess StartExecution",
			"replay's":      "DescribeExecution DescribeStateMachineForExecution GetExecutionHistory ListMapRuns StopExecution",
			"verify":        "StartExecution",
			"verify's":      "StopExecution",
			"children's":    "DescribeExecution DescribeStateMachineForExecution GetExecutionHistory",
			"map runs":      "ListExecutions UpdateMapRun",
			"effects":       "GetItem Query" + puts("effects#*,memory#*,waiting,approvals#*,approving"),
			"retry-effects": "InvokeFunction",
			"*":             "GetMetricStatistics"},
		"pump-events": {"control": "Query" + puts("head#*,manifest#*,register#*"), "events": "GetItem PutItem Query",
			"event-stream": consuming},
		"run-microservice": {"control": "BatchGetItem Query", "events": "GetItem Query",
			"generation-*": "BatchGetItem GetItem", "event-stream": consuming,
			"keys": "BatchGetItem", "kms": "Decrypt",
			"effects": "BatchGetItem GetItem Query" + puts(reacting)},
		"retry-effects": {"control": "BatchGetItem Query", "events": "GetItem Query",
			"generation-*": "BatchGetItem GetItem", "failed-calls": "SendMessage",
			"keys": "BatchGetItem", "kms": "Decrypt",
			"effects": "BatchGetItem GetItem Query" + puts(reacting+",sweep,difference#*,approvals#*") +
				" DeleteItem(waiting,approving)"},
		"write-state": {"control": "BatchGetItem Query" + puts("registry"), "events": "GetItem Query",
			"generation-*": "BatchGetItem GetItem PutItem", "event-stream": consuming},
		"keep-consumers": {"control": "BatchGetItem Query" + puts("registry,replays,verifications") + forgets,
			"events":       "GetItem Query",
			"generation-*": creating + dropping + " GetItem PutItem Query",
			"replay":       "SendTaskSuccess StartExecution", "replay's": "DescribeExecution ListMapRuns StopExecution",
			"verify's":    "DescribeExecution",
			"map runs":    "UpdateMapRun",
			"write-state": aliases, "write-state:*": aliases,
			"effects":  "GetItem Query" + puts("marks"),
			"mappings": "DeleteEventSourceMapping UpdateEventSourceMapping",
			"*":        "CreateEventSourceMapping ListEventSourceMappings ListTables", "failed-calls": "SendMessage"},
		"plan-replay": {"control": "BatchGetItem Query" + puts("registry,replays,replay#*"),
			"generation-*": "BatchGetItem GetItem" + creating},
		"read-segment": {"control": "BatchGetItem Query" + puts("replays,replay#*"), "events": "Query",
			"playback": "PutRecord", "*": "GetMetricStatistics"},
		"apply-playback": {"control": "BatchGetItem Query" + puts("replays,replay#*"), "events": "Query",
			"generation-*": "BatchGetItem GetItem PutItem", "playback": consuming,
			"keys": "BatchGetItem", "kms": "Decrypt",
			"effects": "GetItem Query" + puts("collections,difference#*,difference-counts#*,stopped#*")},
		"check-drained": {"control": "BatchGetItem" + puts("replays,replay#*"), "generation-*": "GetItem"},
		"prove-completeness": {"control": "BatchGetItem Query" + puts("replays,replay#*"), "events": "Query",
			"generation-*": "GetItem Query"},
		"follow-stream": {"control": "BatchGetItem" + puts("registry,replay#*"), "generation-*": "GetItem PutItem",
			"keep-consumers": "InvokeFunction"},
		"promote-generation": {"control": "BatchGetItem Query" + puts("registry,replays,replay#*"), "events": "Query",
			"generation-*": "BatchGetItem GetItem Query"},
		"await-resume": {"control": puts("replays,replay#*"), "replay": "SendTaskSuccess"},
		"control-replay": {"control": "Query" + puts("registry,replays"), "replay": "SendTaskSuccess StartExecution",
			"replay's": "DescribeExecution ListMapRuns StopExecution", "map runs": "UpdateMapRun"},
		"report-replay": {"control": "BatchGetItem Query" + puts("registry,replays,replay#*") + forgets,
			"generation-*": dropping[1:] + " GetItem", "*": "ListTables",
			"keep-consumers": "InvokeFunction", "replay's": "GetExecutionHistory ListMapRuns",
			"children's": "GetExecutionHistory", "map runs": "ListExecutions"},
		"close-replay": {"control": "Query" + puts("registry,replays,replay#*,verifications") + forgets,
			"events":       "GetItem Query",
			"generation-*": dropping[1:] + " GetItem", "*": "ListTables",
			"replay's":       "StopExecution",
			"keep-consumers": "InvokeFunction", "failed-calls": "SendMessage"},
		"plan-verification": {"control": "BatchGetItem Query DeleteItem(verifications,verification#*)" +
			puts(verifications) + puts("registry,replays"),
			"generation-*": "GetItem", "replay": "StartExecution", "replay's": "DescribeExecution StopExecution"},
		"verify-lanes": {"control": "BatchGetItem Query" + puts(verifications), "events": "Query",
			"generation-*": "BatchGetItem GetItem Query"},
		"report-verification": {"control": "Query" + puts(verifications), "events": "GetItem Query"},
		// It reads changes of the log from the table's own stream, and nothing else.
		"watch-log": {"events' stream": "DescribeStream GetRecords GetShardIterator", "*": "ListStreams"},
	}
}

// TestEveryFunctionMayDoWhatItsCodeCalls, and nothing else: a missing
// permission would only show on AWS, at the worst time.
func TestEveryFunctionMayDoWhatItsCodeCalls(t *testing.T) {
	got := make(map[string]map[string][]string)
	roles := make(map[string]string)
	for folder := range grants() {
		roles[strings.ReplaceAll(folder, "-", "")+"role"] = folder
	}
	for _, s := range statements(t) {
		policy, _, _ := strings.Cut(s.policy, "DefaultPolicy")
		folder, found := roles[policy]
		if !found {
			continue
		}
		if got[folder] == nil {
			got[folder] = make(map[string][]string)
		}
		for _, resource := range s.resources {
			for _, action := range s.actions {
				_, operation, _ := strings.Cut(action, ":")
				if leading := at(s.condition, "ForAllValues:StringLike", "dynamodb:LeadingKeys"); leading != nil {
					operation += "(" + joined(list(leading)) + ")"
				}
				got[folder][short(resource)] = append(got[folder][short(resource)], operation)
			}
		}
	}
	for folder, want := range grants() {
		want = maps.Clone(want)
		delete(got[folder], "logs")
		got[folder]["*"] = slices.DeleteFunc(got[folder]["*"], func(operation string) bool {
			return operation == "PutTraceSegments" || operation == "PutTelemetryRecords"
		})
		if folder != "watch-log" {
			for part := range strings.SplitSeq(everyFunction, "; ") {
				resource, operations, _ := strings.Cut(part, ": ")
				want[resource] += " " + operations
			}
		}
		for _, resource := range slices.Sorted(maps.Keys(union(want, got[folder]))) {
			have, should := sorted(got[folder][resource]), sorted(strings.Fields(want[resource]))
			if !slices.Equal(have, should) {
				t.Errorf("%s on %s may %v, its code calls %v", folder, resource, have, should)
			}
		}
	}
}

func joined(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i], _ = v.(string)
	}
	return strings.Join(texts, ",")
}

func sorted(operations []string) []string {
	operations = slices.Clone(operations)
	slices.Sort(operations)
	return slices.Compact(operations)
}

func union(a map[string]string, b map[string][]string) map[string]bool {
	all := make(map[string]bool)
	for key := range a {
		all[key] = true
	}
	for key := range b {
		all[key] = true
	}
	return all
}

// short is a resource as grants names it: what follows the platform's prefix.
func short(resource string) string {
	for _, known := range []struct{ has, name string }{
		{":log-group:", "logs"}, {":event-source-mapping:", "mappings"}, {":mapRun:", "map runs"},
		{":execution:reprise-replay/", "children's"}, {":execution:reprise-replay:", "replay's"},
		{":execution:reprise-verify:", "verify's"},
		{".StreamArn", "events' stream"}, {":key/*", "kms"},
	} {
		if strings.Contains(resource, known.has) {
			return known.name
		}
	}
	if _, name, found := strings.Cut(resource, "reprise-"); found {
		return name
	}
	return resource
}
