package asl_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"reprise/integration/npm"
	"reprise/pkg/asl/asltest"
)

var plainOutput = regexp.MustCompile(`"Output":"(\w+)"`)

// TestAgainstValidator lets asl-validator check what Parse accepts.
func TestAgainstValidator(t *testing.T) {
	module := filepath.Join(npm.Need(t), "node_modules", "asl-validator")
	accepted := []string{
		asltest.Mixed(), asltest.Choice(), asltest.Machine("M", asltest.Inline(`"MaxConcurrency":3,`)),
		asltest.Distributed("f", `
			"ToleratedFailurePercentage":10,
			"ItemBatcher":{"MaxItemsPerBatch":5,"BatchInput":{"a":1}},
			"ItemSelector":{"v":"{% $states.context.Map.Item.Value %}"},
			"MaxConcurrency":"{% 2 + 3 %}",
			`),
		asltest.Machine("T", asltest.Task("T", "f", `,
				"TimeoutSeconds":60,
				"Retry":[
					{
						"ErrorEquals":["States.TaskFailed"],
						"IntervalSeconds":2,
						"MaxAttempts":5,
						"BackoffRate":1.5,
						"MaxDelaySeconds":60,
						"JitterStrategy":"FULL"
					}
				],
				"Catch":[
					{"ErrorEquals":["States.ALL"],"Next":"F","Output":"{% $states.errorOutput %}","Assign":{"e":1}}
				],
				"End":true
			},
			"F":{"Type":"Fail","Error":"{% 'a' %}","Cause":"b"`)),
		asltest.Machine("W", `
			"W":{"Type":"Wait","Seconds":"{% 5 %}","Assign":{"a":1},"Next":"V"},
			"V":{"Type":"Wait","Timestamp":"2030-01-01T00:00:00Z","Output":"x","Next":"S"},
			"S":{"Type":"Succeed","Output":"{% $a %}"}`),
	}
	var in bytes.Buffer
	for _, definition := range accepted {
		// The service accepts any JSON value as Output; the validator accepts
		// no plain text.
		definition = plainOutput.ReplaceAllString(definition, `"Output":"{% '$1' %}"`)
		asltest.Parse(t, definition)
		if err := json.Compact(&in, []byte(definition)); err != nil {
			t.Fatal(err)
		}
		in.WriteByte('\n')
	}
	cmd := exec.Command("node", filepath.Join("testdata", "validate.js"), module)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if line != "ok" {
			t.Errorf("%s\n%s", accepted[i], line)
		}
	}
}
