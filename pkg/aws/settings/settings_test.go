package settings_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/aws/settings"
	"reprise/pkg/eventlog"
)

func good() map[string]string {
	return map[string]string{
		settings.EnvPrefix: "reprise", settings.EnvLanes: "64", settings.EnvBucket: "day", settings.EnvRetention: "168",
		settings.EnvStateMachine:    "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-replay",
		settings.EnvWriteVersion:    "7",
		settings.EnvParallelization: "4",
		settings.EnvBatching:        "3",
	}
}

func TestLoadReadsWhatAFunctionNeeds(t *testing.T) {
	env := good()
	got, err := settings.Load("keep-consumers", func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if got.Lanes != 64 || got.Bucket != eventlog.Day || got.Retention != 168*time.Hour || got.WriteVersion != "7" ||
		got.Parallelization != 4 || got.BatchingSeconds != 3 || got.Names.EventsTable() != "reprise-events" {
		t.Errorf("settings: %+v", got)
	}
	if pump, err := settings.Load("pump-events", func(name string) string { return env[name] }); err != nil ||
		pump.StateMachine != "" {
		t.Errorf("the pump knows the state machine: %+v, %v", pump, err)
	}
}

// Only the functions that call external systems know their addresses; without the variable
// there are none.
func TestSystemsAreReadWhereTheyAreCalled(t *testing.T) {
	env := good()
	env[settings.EnvSystems] = `{"mail":"https://mail.example/v1"}`
	read := func(name string) string { return env[name] }
	micro, err := settings.Load("run-microservice", read)
	if err != nil || micro.Systems["mail"] != "https://mail.example/v1" {
		t.Errorf("run-microservice: %v, %v", micro.Systems, err)
	}
	if pump, err := settings.Load("pump-events", read); err != nil || pump.Systems != nil {
		t.Errorf("pump-events: %v, %v", pump.Systems, err)
	}
	for value, good := range map[string]bool{
		"": true, "{}": true, "[]": false, `{"mail":"http://mail.example"}`: false, `{"mail":"https://s3cret@x"}`: false,
	} {
		env[settings.EnvSystems] = value
		_, err := settings.Load("run-microservice", read)
		if (err == nil) != good || !good && (!strings.Contains(err.Error(), settings.EnvSystems) ||
			strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestLoadNamesWhatIsWrong(t *testing.T) {
	for name, values := range map[string][]string{
		settings.EnvPrefix:          {"", "R", "a", "9a", "a_b", "a-", strings.Repeat("a", 33)},
		settings.EnvLanes:           {"", "0", "3", "2048", "x"},
		settings.EnvBucket:          {"", "week", "24h"},
		settings.EnvRetention:       {"", "23", "8761", "7d"},
		settings.EnvStateMachine:    {"", "replay", "arn:aws:states:eu-west-1:1:stateMachine:x"},
		settings.EnvWriteVersion:    {"", "$LATEST", "0", "-1"},
		settings.EnvParallelization: {"", "0", "11"},
		settings.EnvBatching:        {"", "0", "11"},
	} {
		for _, value := range values {
			env := good()
			env[name] = value
			_, err := settings.Load("keep-consumers", func(name string) string { return env[name] })
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		}
	}
	_, err := settings.Load("keep-consumers", func(string) string { return "" })
	for _, name := range settings.Needs("keep-consumers") {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("an empty environment: %v does not name %s", err, name)
		}
	}
}

// TestFunctionsAreTheFolders compares the list with the folders that exist.
func TestFunctionsAreTheFolders(t *testing.T) {
	entries, err := os.ReadDir("../../../functions")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "internal" {
			folders = append(folders, entry.Name())
		}
	}
	listed := slices.Sorted(slices.Values(settings.Functions()))
	if !slices.Equal(folders, listed) {
		t.Errorf("folders %v\nlisted  %v", folders, listed)
	}
}
