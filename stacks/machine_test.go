package stacks_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/workflows"
)

func machineResource(t *testing.T) map[string]any {
	t.Helper()
	var found map[string]any
	each("AWS::StepFunctions::StateMachine", func(_ string, r resource) {
		if r.Properties["StateMachineName"] == "reprise-replay" {
			found = r.Properties
		}
	})
	return found
}

func TestTheMachineIsTheFile(t *testing.T) {
	machine := machineResource(t)
	if machine["DefinitionString"] != workflows.Replay() {
		t.Error("the definition is not the file's bytes")
	}
	var placeholders []string
	for _, found := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(workflows.Replay(), -1) {
		placeholders = append(placeholders, found[1])
	}
	slices.Sort(placeholders)
	substitutions := machine["DefinitionSubstitutions"].(map[string]any)
	if got := slices.Sorted(maps.Keys(substitutions)); !slices.Equal(got, slices.Compact(placeholders)) {
		t.Errorf("substitutions %v, placeholders %v", got, placeholders)
	}
	if at(machine, "TracingConfiguration", "Enabled") != true || at(machine, "LoggingConfiguration", "Level") != "ALL" ||
		at(machine, "LoggingConfiguration", "IncludeExecutionData") != false {
		t.Errorf("logging %v, tracing %v", machine["LoggingConfiguration"], machine["TracingConfiguration"])
	}
	found := false
	each("AWS::Logs::LogGroup", func(_ string, r resource) {
		found = found || r.Properties["LogGroupName"] == "/aws/vendedlogs/states/reprise-replay"
	})
	if !found {
		t.Error("the machine's log group is not under /aws/vendedlogs/states/")
	}
}

// A step's own error must arrive, and not the machine's time-out.
func TestStepsEndBeforeTheirTasks(t *testing.T) {
	folders := make(map[string]string)
	for placeholder, value := range machineResource(t)["DefinitionSubstitutions"].(map[string]any) {
		function, _ := versionOf(t, "", value)
		folders["${"+placeholder+"}"] = function
	}
	var definition any
	if err := json.Unmarshal([]byte(workflows.Replay()), &definition); err != nil {
		t.Fatal(err)
	}
	tasks := tasksIn(definition)
	for _, task := range tasks {
		folder := folders[at(task, "Arguments", "FunctionName").(string)]
		timeout := functions()[folder].Properties["Timeout"].(float64)
		if limit := task["TimeoutSeconds"].(float64); timeout >= limit {
			t.Errorf("%s ends after %v s, its task after %v s", folder, timeout, limit)
		}
	}
	if len(tasks) < 8 {
		t.Errorf("%d tasks were found", len(tasks))
	}
}

// TestEndedExecutionsCloseTheirReplays has the rule that calls close-replay.
func TestEndedExecutionsCloseTheirReplays(t *testing.T) {
	found := 0
	want := map[string][]any{"ended-executions": {"ABORTED", "FAILED", "TIMED_OUT"}, "ended-verifications": {"SUCCEEDED"}}
	each("AWS::Events::Rule", func(id string, r resource) {
		detail := at(r.Properties, "EventPattern", "detail")
		if detail == nil {
			return
		}
		found++
		name, machine := "ended-executions", flat(t, list(at(detail, "stateMachineArn"))[0])
		if strings.HasPrefix(id, "endedverifications") {
			name = "ended-verifications"
		}
		if !slices.Equal(list(at(detail, "status")), want[name]) ||
			machine != "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-"+
				map[string]string{"ended-executions": "replay", "ended-verifications": "verify"}[name] ||
			!strings.HasPrefix(flat(t, at(list(r.Properties["Targets"])[0], "Arn")), "closereplay") {
			t.Errorf("%s: %v", id, r.Properties)
		}
	})
	if found != len(want) {
		t.Errorf("there are %d rules on ended executions", found)
	}
}
