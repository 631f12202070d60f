package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func TestDefinitionOfAnExecution(t *testing.T) {
	w := newWorld(t)
	arn := w.begin(t, "waits", "one", `{}`)
	<-w.tokens
	got, err := w.DescribeStateMachineForExecution(t.Context(), &sfn.DescribeStateMachineForExecutionInput{
		ExecutionArn: &arn,
	})
	if err != nil || *got.Definition != waits || *got.Name != "waits" ||
		*got.StateMachineArn != arns+"stateMachine:waits" || *got.RoleArn != "role" ||
		!got.UpdateDate.Equal(time.Unix(1, 0)) || got.MapRunArn != nil {
		t.Errorf("machine of the execution: %+v, %v", got, err)
	}
}

func TestDefinitionsAreValidated(t *testing.T) {
	w := newWorld(t)
	const joins = `{
		"QueryLanguage":"JSONata",
		"StartAt":"P",
		"States":{"P":{"Type":"Pass","Output":"{% $states.input.jobs#$i %}","End":true}}
	}`
	for _, c := range []struct {
		definition, result, message string
		severity                    types.ValidateStateMachineDefinitionSeverity
		count                       int
		truncated                   bool
	}{
		{waits, "OK", "", "", 0, false},
		{waits, "OK", "TimeoutSeconds", "WARNING", 1, true},
		{joins, "FAIL", "the operator # is not supported", "", 1, false},
		{`{}`, "FAIL", "QueryLanguage", "", 1, true},
	} {
		got, err := w.ValidateStateMachineDefinition(t.Context(), &sfn.ValidateStateMachineDefinitionInput{
			Definition: &c.definition, Severity: c.severity, MaxResults: 1})
		if err != nil || string(got.Result) != c.result || len(got.Diagnostics) != c.count || *got.Truncated != c.truncated {
			t.Errorf("%s: %+v, %v", c.definition, got, err)
			continue
		}
		if c.count > 0 && !strings.Contains(*got.Diagnostics[0].Message, c.message) {
			t.Errorf("%s: %s", c.definition, *got.Diagnostics[0].Message)
		}
	}
}

// TestPagesHoldAHundredByDefault also reads all pages of state machines.
func TestPagesHoldAHundredByDefault(t *testing.T) {
	var more []string
	for i := range 100 {
		more = append(more, fmt.Sprint("m", i), waits)
	}
	w := newWorld(t, more...)
	var sizes []int
	pages := sfn.NewListStateMachinesPaginator(w.Client, &sfn.ListStateMachinesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.StateMachines))
	}
	if !slices.Equal(sizes, []int{100, 3}) {
		t.Errorf("pages of %v", sizes)
	}
}
