package stacks_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/aws/settings"
)

// TestWithoutAServiceNothingRunsIt: a consumer that does nothing would be called for
// every batch, read the stream's shards beside the others, and take concurrency.
func TestWithoutAServiceNothingRunsIt(t *testing.T) {
	for _, kind := range kinds {
		text, err := json.Marshal(templates[plain+kind])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"run-microservice", "runmicroservice", "Microservice", "retry-effects",
			"reprise-effects", "Effects"} {
			if strings.Contains(string(text), name) {
				t.Errorf("the stack %s has %s", kind, name)
			}
		}
	}
	deployed := make(map[string]bool)
	eachOf(plain, "AWS::Lambda::Function", func(_ string, r resource) {
		deployed[strings.TrimPrefix(r.Properties["FunctionName"].(string), "reprise-")] = true
	})
	deployed["run-microservice"], deployed["retry-effects"] = true, true
	got, want := slices.Sorted(maps.Keys(deployed)), slices.Sorted(slices.Values(settings.Functions()))
	if !slices.Equal(got, want) {
		t.Errorf("without a service are deployed, with those of a service: %v\nwant %v", got, want)
	}
}

// TestAServiceIsRecorded, so that the doctor knows what to look for.
func TestAServiceIsRecorded(t *testing.T) {
	for variant, want := range map[string]string{"": `"service":true`, plain: `"service":false`} {
		output := templates[variant+"data"].Outputs["settings"]
		if says := flat(t, at(output, "Value")); !strings.Contains(says, want) {
			t.Errorf("%q records %s, want %s", variant, says, want)
		}
	}
}
