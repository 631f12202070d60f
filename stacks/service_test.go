package stacks_test

import (
	"encoding/json"
	"fmt"
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

// TestWithoutPersonalFieldsThereAreNoKeys: neither a table nor a key of KMS, which costs a
// dollar a month, nor a permission.
func TestWithoutPersonalFieldsThereAreNoKeys(t *testing.T) {
	for _, kind := range kinds {
		text, err := json.Marshal(templates[plain+kind])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"AWS::KMS", "kms:", "reprise-keys"} {
			if strings.Contains(string(text), name) {
				t.Errorf("the stack %s has %s", kind, name)
			}
		}
	}
}

// TestKeysOutliveTheirStack, and the key of KMS changes its material every year.
func TestKeysOutliveTheirStack(t *testing.T) {
	kept := 0
	for id, r := range templates["data"].Resources {
		if r.Type != "AWS::KMS::Key" && r.Type != "AWS::KMS::Alias" {
			continue
		}
		kept++
		if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s: %s, %s", id, r.DeletionPolicy, r.UpdateReplacePolicy)
		}
		if r.Type == "AWS::KMS::Key" && r.Properties["EnableKeyRotation"] != true {
			t.Errorf("%s does not rotate", id)
		}
	}
	if kept != 2 {
		t.Errorf("%d resources of KMS", kept)
	}
	for _, table := range []string{"keystable", "eventstable", "controltable"} {
		if after := fmt.Sprint(templates["data"].Resources[table].DependsOn); !strings.Contains(after, "personalkeyalias") {
			t.Errorf("%s is made after %s", table, after)
		}
	}
}

// TestOnlyTheKeyOfThePlatformIsUsed: a statement with all keys of the account as resource
// is held to one by its conditions.
func TestOnlyTheKeyOfThePlatformIsUsed(t *testing.T) {
	found := 0
	for _, s := range statements(t) {
		if !slices.ContainsFunc(s.actions, func(action string) bool { return strings.HasPrefix(action, "kms:") }) {
			continue
		}
		found++
		aliases := list(at(s.condition, "ForAnyValue:StringEquals", "kms:ResourceAliases"))
		platform := at(s.condition, "StringEquals", "kms:EncryptionContext:reprise-platform")
		if !slices.Equal(aliases, []any{"alias/reprise-personal"}) || platform != "reprise" {
			t.Errorf("%s: %v", s.policy, s.condition)
		}
	}
	if found != 6 {
		t.Errorf("%d statements about KMS", found)
	}
}
