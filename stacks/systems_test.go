package stacks_test

import (
	"strings"
	"testing"

	"reprise/pkg/aws/settings"
	"reprise/stacks"
)

// What the stacks take, the function takes, and neither repeats an address that it refuses.
func TestSystemsAreCheckedAsTheFunctionChecksThem(t *testing.T) {
	for value, good := range map[string]bool{
		`{}`:                              true,
		`{"mail":"https://mail.example"}`: true,
		`{"mail":"https://mail.example:8443/v1/","pay.v2":"http://127.0.0.1:9000"}`: true,
		`{"mail":"http://[::1]:9000"}`:                                              true,
		`{"mail":"http://localhost"}`:                                               true,

		`[]`:                                             false,
		`{"mail":1}`:                                     false,
		`{"mail":""}`:                                    false,
		`{"mail":"s3cret"}`:                              false,
		`{"Mail":"https://s3cret.example"}`:              false,
		`{"":"https://s3cret.example"}`:                  false,
		`{"mail":"ftp://s3cret.example"}`:                false,
		`{"mail":"http://s3cret.example"}`:               false,
		`{"mail":"https://s3cret@x"}`:                    false,
		`{"mail":"https://u:s3cret@x"}`:                  false,
		`{"mail":"https://x/?k=s3cret"}`:                 false,
		`{"mail":"https://x/?"}`:                         false,
		`{"mail":"https://x/#"}`:                         false,
		`{"mail":"https://x/#s3cret"}`:                   false,
		`{"mail":"https://s3cret x/"}`:                   false,
		`{"a":"https://x","b":"http://10.0.0.1/s3cret"}`: false,
		`{"mail":"https://x/` + strings.Repeat("s3cret", 200) + `"}`: false,
	} {
		config, atDeploy := stacks.FromContext(map[string]any{"reprise:systems": value}, true)
		env := map[string]string{settings.EnvPrefix: "reprise", settings.EnvLanes: "4", settings.EnvBucket: "day",
			settings.EnvRetention: "168", settings.EnvSystems: value}
		read, atStart := settings.Load("run-microservice", func(name string) string { return env[name] })
		if (atDeploy == nil) != good || (atStart == nil) != good {
			t.Errorf("%s: stacks %v, function %v", value, atDeploy, atStart)
		}
		if good && (config.Systems != value || len(read.Systems) != strings.Count(value, "://")) {
			t.Errorf("%s: %q, %v", value, config.Systems, read.Systems)
		}
		for _, err := range []error{atDeploy, atStart} {
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("an error tells an address: %v", err)
			}
		}
	}
}

// In cdk.json an object is more readable than its text.
func TestSystemsMayBeAnObject(t *testing.T) {
	object := map[string]any{"mail": "https://mail.example"}
	config, err := stacks.FromContext(map[string]any{"reprise:systems": object}, true)
	if err != nil || config.Systems != `{"mail":"https://mail.example"}` {
		t.Errorf("%q, %v", config.Systems, err)
	}
	if _, err := stacks.FromContext(map[string]any{"reprise:prefix": object}, true); err == nil {
		t.Error("an object is a prefix")
	}
}
