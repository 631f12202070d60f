package asl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
)

func TestParseSubstitutes(t *testing.T) {
	definition := asltest.Machine("T", asltest.Task("T", "${FnArn}", end))
	m, err := asl.Parse([]byte(definition), map[string]string{"FnArn": `a"b`, "Unused": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if tasks := m.Tasks(); len(tasks) != 1 || tasks[0].FunctionName() != `a"b` {
		t.Errorf("tasks %v", tasks)
	}
	other := asltest.Parse(t, string(m.Definition()))
	if other.Hash() != m.Hash() {
		t.Error("the same definition has another hash")
	}
}

func TestMachineShowsItsStates(t *testing.T) {
	m := asltest.Parse(t, asltest.Mixed())
	var names []string
	for _, s := range m.States() {
		names = append(names, s.Name)
	}
	if got := fmt.Sprint(names); !strings.HasPrefix(got, "[First Each Item Rest Both Left Nap Deep Right Ask Many Batch") {
		t.Errorf("states %s", got)
	}
	if !slices.ContainsFunc(m.Tasks(), func(s *asl.State) bool { return s.WaitsForToken() && s.FunctionName() == "ask" }) {
		t.Error("the task with a token is not listed")
	}
}

func TestMachineFields(t *testing.T) {
	m := asltest.Parse(t, strings.Replace(pass(""), `{`, `{"Comment":"why","Version":"1.0","TimeoutSeconds":5,`, 1))
	if m.Comment != "why" || m.TimeoutSeconds != 5 || m.Flow().StartAt != "P" || m.Flow().State("P").Name != "P" {
		t.Errorf("machine %+v", m)
	}
}

// A file that catches errors that only the service reports also runs here.
func TestNamesThatOnlyTheServiceReports(t *testing.T) {
	for _, name := range []string{
		"States.BranchFailed", "States.ItemReaderFailed", "States.ResultWriterFailed",
		"States.Permissions",
	} {
		m := asltest.Parse(t, asltest.Machine("T", asltest.Task("T", "f", `,
				"Catch":[{"ErrorEquals":["`+name+`"],"Next":"S"}],
				"Next":"S"
			},
			"S":{"Type":"Succeed"`)))
		if got := m.Tasks()[0].Catch[0].ErrorEquals; !slices.Equal(got, []string{name}) {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}

func TestDefaultLabel(t *testing.T) {
	for name, want := range map[string]string{
		"Read all (by lane)":    "Readallbylane",
		"(*)":                   "Map",
		strings.Repeat("n", 50): strings.Repeat("n", 40),
	} {
		m := asltest.Parse(t, asltest.Machine(name, `"`+name+`":{
			"Type":"Map",
			"Items":[1],
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"A",
				"States":{"A":{"Type":"Succeed"}}
			},
			"End":true
		}`))
		if label := m.States()[0].Map.Label; label != want {
			t.Errorf("Map %q has label %q, want %q", name, label, want)
		}
		if m.Processor(name) != m.States()[0].Map.Processor || m.Processor("none") != m.Flow() {
			t.Errorf("the item processor of %q is not found", name)
		}
	}
}
