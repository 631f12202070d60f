package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/aws/doctor"
	"reprise/stacks"
)

// TestSettingsAreComparedWithTheDeployment, if there is one and it can be read.
func TestSettingsAreComparedWithTheDeployment(t *testing.T) {
	config, err := stacks.FromContext(map[string]any{
		"reprise:prefix": "orders", "reprise:shards": 4.0, "reprise:concurrency": 100.0}, false)
	if err != nil {
		t.Fatal(err)
	}
	deployed := doctor.Recorded{Lanes: 16, Bucket: "day", Shards: 1, PlaybackShards: 1}
	place := map[string]string{"CDK_DEFAULT_ACCOUNT": "123456789012", "CDK_DEFAULT_REGION": "eu-west-1"}
	for name, c := range map[string]struct {
		env     map[string]string
		found   bool
		err     error
		refused bool
		warned  bool
	}{
		"no credentials":     {nil, true, nil, false, false},
		"no deployment":      {place, false, nil, false, false},
		"another deployment": {place, true, nil, true, false},
		"hidden":             {place, false, errors.New("access denied"), false, true},
	} {
		var warnings strings.Builder
		asked := 0
		read := func(_ context.Context, account, region, prefix string) (doctor.Recorded, bool, error) {
			if asked++; account+" "+region+" "+prefix != "123456789012 eu-west-1 orders" {
				t.Errorf("%s: asked for %s in %s, %s", name, prefix, account, region)
			}
			return deployed, c.found, c.err
		}
		err := compare(t.Context(), config, func(name string) string { return c.env[name] }, read, &warnings)
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "deploy 2 first") {
			t.Errorf("%s: %v", name, err)
		}
		if c.warned != strings.Contains(warnings.String(), "access denied") || c.env == nil && asked > 0 {
			t.Errorf("%s: warned %q, asked %d times", name, warnings.String(), asked)
		}
	}
}
