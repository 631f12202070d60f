package stacks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"reprise/stacks"
)

// TestWhatADeploymentCannotTakeIsRefused with what to do instead.
func TestWhatADeploymentCannotTakeIsRefused(t *testing.T) {
	one := stacks.Recorded{Shards: 1}
	for name, c := range map[string]struct {
		context  map[string]any
		deployed stacks.Recorded
		says     string
	}{
		"the same":            {nil, one, ""},
		"doubled":             {map[string]any{"reprise:shards": 2.0}, one, ""},
		"more than doubled":   {map[string]any{"reprise:shards": 3.0}, one, "deploy 2 first"},
		"far more":            {map[string]any{"reprise:shards": 16.0}, stacks.Recorded{Shards: 3}, "deploy 6 first"},
		"halved":              {map[string]any{"reprise:shards": 2.0}, stacks.Recorded{Shards: 4}, ""},
		"an odd number, half": {map[string]any{"reprise:shards": 3.0}, stacks.Recorded{Shards: 5}, ""},
		"less than halved": {
			map[string]any{"reprise:shards": 2.0}, stacks.Recorded{Shards: 5}, "deploy 3 first",
		},
		"playback": {map[string]any{"reprise:playbackShards": 3.0}, one, "playbackShards is 3, but the stream has 1"},
		"lanes":    {map[string]any{"reprise:lanes": 128.0}, one, "set 16"},
		"personal": {nil, stacks.Recorded{Shards: 1, Personal: true}, "no field is declared personal any more"},
		"bucket":   {map[string]any{"reprise:bucket": "hour"}, one, "set day"},
	} {
		context := map[string]any{"reprise:concurrency": 1000.0, "reprise:lanes": 16.0}
		maps.Copy(context, c.context)
		config, err := stacks.FromContext(context, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.deployed.Lanes, c.deployed.Bucket, c.deployed.PlaybackShards = 16, "day", 1
		err = config.CheckChange(c.deployed)
		if c.says == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.says != "" && (!errors.Is(err, stacks.ErrConfig) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestEveryWrongChangeIsNamed at once.
func TestEveryWrongChangeIsNamed(t *testing.T) {
	config, err := stacks.FromContext(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	err = config.CheckChange(stacks.Recorded{Lanes: 64, Bucket: "hour", Shards: 9, PlaybackShards: 5})
	for _, setting := range []string{"lanes", "bucket", "shards", "playbackShards"} {
		if err == nil || !strings.Contains(err.Error(), "reprise:"+setting) {
			t.Errorf("%v does not name %s", err, setting)
		}
	}
}

// TestCloudFormationRefusesOtherLanesAndBuckets: the parameter keeps the value of the
// first deploy, and a rule compares it with this one before anything changes.
func TestCloudFormationRefusesOtherLanesAndBuckets(t *testing.T) {
	data := templates["data"]
	for setting, value := range map[string]any{"lanes": "4", "bucket": "day"} {
		parameter := "createdwith" + setting
		if at(data.Parameters[parameter], "Default") != value {
			t.Errorf("%s: parameter %v", setting, data.Parameters[parameter])
		}
		assertion := list(at(data.Rules["same"+setting], "Assertions"))
		if len(assertion) != 1 {
			t.Fatalf("%s: rule %v", setting, data.Rules["same"+setting])
		}
		want := map[string]any{"Fn::Equals": []any{map[string]any{"Ref": parameter}, value}}
		says := fmt.Sprint(at(assertion[0], "AssertDescription"))
		if !reflect.DeepEqual(at(assertion[0], "Assert"), want) ||
			!strings.Contains(says, "reprise:"+setting) || !strings.Contains(says, "set that one") {
			t.Errorf("%s: %v", setting, assertion[0])
		}
	}
}

// TestDeploymentsRecordTheirSettings so that a later one can be compared with them.
func TestDeploymentsRecordTheirSettings(t *testing.T) {
	var recorded stacks.Recorded
	text := flat(t, at(templates["data"].Outputs["settings"], "Value"))
	if err := json.Unmarshal([]byte(text), &recorded); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	want := stacks.Recorded{Lanes: 4, Bucket: "day", Shards: 1, PlaybackShards: 1, Concurrency: 10, Service: true,
		Personal: true}
	if recorded != want {
		t.Errorf("recorded %+v, want %+v", recorded, want)
	}
}
