package stacks_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"reprise/workflows"
)

// versionOf follows a substitution of the state machine in a variant of the
// templates to a published version. It returns the function's folder and the
// logical id of the version.
func versionOf(t *testing.T, variant string, substitution any) (folder, id string) {
	t.Helper()
	resources := templates[variant+"replay"].Resources
	id, _ = at(substitution, "Ref").(string)
	version, found := resources[id]
	if !found || version.Type != "AWS::Lambda::Version" {
		t.Fatalf("%v is not the ARN of a published version", substitution)
	}
	function := resources[flat(t, version.Properties["FunctionName"])]
	name, _ := function.Properties["FunctionName"].(string)
	return strings.TrimPrefix(name, "reprise-"), id
}

func substitutionsOf(t *testing.T, variant string) map[string]any {
	t.Helper()
	return machineSubstitutions(t, variant, "replay")
}

// machineSubstitutions are those of the state machine "replay" or "control".
func machineSubstitutions(t *testing.T, variant, machine string) map[string]any {
	t.Helper()
	for _, r := range templates[variant+"replay"].Resources {
		if r.Type == "AWS::StepFunctions::StateMachine" && r.Properties["StateMachineName"] == "reprise-"+machine {
			return r.Properties["DefinitionSubstitutions"].(map[string]any)
		}
	}
	t.Fatal("there is no state machine")
	return nil
}

// An execution keeps the definition that it began with, so the versions that
// the definition names must neither change nor disappear.
func TestADeployLeavesRunningReplaysTheirCode(t *testing.T) {
	before, after := substitutionsOf(t, ""), substitutionsOf(t, "later/")
	if len(before) != 8 || len(after) != len(before) {
		t.Fatalf("%d steps before, %d after", len(before), len(after))
	}
	for placeholder, value := range before {
		folder, id := versionOf(t, "", value)
		later, laterID := versionOf(t, "later/", after[placeholder])
		if strings.ReplaceAll(placeholder, "Arn", "") != pascal(folder) || later != folder {
			t.Errorf("%s is %s and then %s", placeholder, folder, later)
		}
		if same := id == laterID; same != (folder == unchanged) {
			t.Errorf("%s: version %s, and %s after a deploy", folder, id, laterID)
		}
	}
}

// A deploy removes the resource of an older version from the template, and only
// the resource's policy keeps the version.
func TestNoVersionGoesWithItsResource(t *testing.T) {
	versions := 0
	each("AWS::Lambda::Version", func(id string, r resource) {
		versions++
		if r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s: on deletion %q, on replacement %q", id, r.DeletionPolicy, r.UpdateReplacePolicy)
		}
	})
	// And write-state's.
	if versions != len(substitutionsOf(t, ""))+len(machineSubstitutions(t, "", "control"))+
		len(machineSubstitutions(t, "", "verify"))+1 {
		t.Errorf("%d versions", versions)
	}
}

// TestEveryTaskCallsAVersion looks for tasks that name a function in any way
// other than by a placeholder.
func TestEveryTaskCallsAVersion(t *testing.T) {
	for machine, text := range map[string]string{"replay": workflows.Replay(), "control": workflows.Control()} {
		var definition any
		if err := json.Unmarshal([]byte(text), &definition); err != nil {
			t.Fatal(err)
		}
		substitutions := machineSubstitutions(t, "", machine)
		tasks := tasksIn(definition)
		if len(tasks) < len(substitutions) {
			t.Errorf("%d tasks were found", len(tasks))
		}
		for _, task := range tasks {
			called, _ := at(task, "Arguments", "FunctionName").(string)
			placeholder := strings.TrimSuffix(strings.TrimPrefix(called, "${"), "}")
			if substitutions[placeholder] == nil || called != "${"+placeholder+"}" ||
				strings.TrimSuffix(task["Resource"].(string), ".waitForTaskToken") != "arn:aws:states:::lambda:invoke" {
				t.Errorf("a task of %v calls %q", task["Resource"], called)
			}
		}
	}
}

// All executions share one role, including those that began before a deploy.
func TestTheMachineMayCallVersionsOldAndNew(t *testing.T) {
	for _, c := range [][2]string{{"", "replay"}, {"later/", "replay"}, {"", "control"}} {
		variant, machine := c[0], c[1]
		var may []string
		for _, s := range statementsOf(t, variant) {
			if strings.HasPrefix(s.policy, machine+"role") && slices.Contains(s.actions, "lambda:InvokeFunction") {
				may = append(may, s.resources...)
			}
		}
		var want []string
		for _, value := range machineSubstitutions(t, variant, machine) {
			folder, _ := versionOf(t, variant, value)
			arn := "arn:aws:lambda:eu-west-1:123456789012:function:reprise-" + folder
			want = append(want, arn, arn+":*")
		}
		slices.Sort(may)
		slices.Sort(want)
		if !slices.Equal(may, want) {
			t.Errorf("%s%s may call\n%v, want\n%v", variant, machine, may, want)
		}
	}
}

// tasksIn are all tasks of a definition, including those inside a Map.
func tasksIn(value any) (tasks []map[string]any) {
	switch v := value.(type) {
	case map[string]any:
		if v["Type"] == "Task" {
			tasks = append(tasks, v)
		}
		for _, member := range v {
			tasks = append(tasks, tasksIn(member)...)
		}
	case []any:
		for _, member := range v {
			tasks = append(tasks, tasksIn(member)...)
		}
	}
	return tasks
}

// pascal is a folder's name as placeholders spell it.
func pascal(folder string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(folder, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
