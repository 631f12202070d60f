package stacks_test

import (
	"errors"
	"strings"
	"testing"

	"reprise/stacks"
)

func TestTheDefaultsAreThoseOfCdkJSON(t *testing.T) {
	context, err := cdkContext()
	if err != nil {
		t.Fatal(err)
	}
	said, err := stacks.FromContext(context, false)
	if err != nil {
		t.Fatal(err)
	}
	fallback, err := stacks.FromContext(nil, false)
	if err != nil || said != fallback {
		t.Errorf("cdk.json %+v\ndefault  %+v, %v", said, fallback, err)
	}
}

func TestSettingsAreTakenAsTextAndNumbers(t *testing.T) {
	config, err := stacks.FromContext(map[string]any{"reprise:lanes": "128", "reprise:shards": 8.0,
		"reprise:concurrency": "1000", "other:thing": true}, false)
	if err != nil || config.Lanes != 128 || config.Shards != 8 {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		context map[string]any
		says    string
	}{
		"unknown":                {map[string]any{"reprise:lane": 4}, "reprise:lane is not a setting"},
		"not text":               {map[string]any{"reprise:prefix": []any{}}, "neither text nor a number"},
		"prefix":                 {map[string]any{"reprise:prefix": "Big"}, "reprise:prefix"},
		"long prefix":            {map[string]any{"reprise:prefix": strings.Repeat("a", 33)}, "reprise:prefix"},
		"lanes":                  {map[string]any{"reprise:lanes": 48.0}, "48 is not a power of two"},
		"many lanes":             {map[string]any{"reprise:lanes": "2048"}, "from 1 to 1024"},
		"fraction":               {map[string]any{"reprise:shards": 1.5}, "whole number"},
		"bucket":                 {map[string]any{"reprise:bucket": "week"}, "day, hour"},
		"retention":              {map[string]any{"reprise:retentionHours": 12.0}, "from 24 to 8760"},
		"parallelization":        {map[string]any{"reprise:parallelization": 11.0}, "from 0 to 10"},
		"batching":               {map[string]any{"reprise:batchingSeconds": 11.0}, "from 1 to 10"},
		"schedule":               {map[string]any{"reprise:verifySchedule": "nightly"}, "rate(N"},
		"depth":                  {map[string]any{"reprise:verifyDepth": "deep"}, "fold, rebuild"},
		"email":                  {map[string]any{"reprise:alarmEmail": "me"}, "e-mail"},
		"authorization":          {map[string]any{"reprise:authorization": "none"}, "iam, jwt"},
		"jwt without issuer":     {map[string]any{"reprise:authorization": "jwt"}, "needs reprise:jwtIssuer"},
		"issuer":                 {map[string]any{"reprise:jwtIssuer": "http://x"}, "https address"},
		"concurrency":            {map[string]any{"reprise:concurrency": 9.0}, "from 10 to"},
		"lag minutes":            {map[string]any{"reprise:lagMinutes": 0.0}, "from 1 to 1440"},
		"lag periods":            {map[string]any{"reprise:lagPeriods": 61.0}, "from 1 to 60"},
		"tracing":                {map[string]any{"reprise:tracing": "on"}, "active, off"},
		"systems":                {map[string]any{"reprise:systems": `{"mail":"http://mail.example"}`}, "not https"},
		"log days":               {map[string]any{"reprise:logDays": 31.0}, "31 is not a retention"},
		"more shards than lanes": {map[string]any{"reprise:shards": 4.0, "reprise:lanes": 2.0}, "more than reprise:lanes"},
	} {
		_, err := stacks.FromContext(c.context, false)
		if !errors.Is(err, stacks.ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := stacks.FromContext(map[string]any{"reprise:lanes": 3.0, "reprise:bucket": "x", "reprise:no": 1.0}, false)
	for _, name := range []string{"reprise:lanes", "reprise:bucket", "reprise:no"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
