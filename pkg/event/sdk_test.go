package event_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"pgregory.net/rapid"

	"reprise/pkg/event"
)

// parseSDK parses a text with the CloudEvents SDK. The SDK panics on some values of
// data_base64, which counts as refused.
func parseSDK(text string) (e cloudevents.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return e, err
	}
	return e, e.Validate()
}

// Every difference from the SDK's verdicts must be explained, and there must be no
// explanation without a difference.
func TestVerdictsAgainstSDK(t *testing.T) {
	for _, v := range verdicts {
		e, err := event.Parse(v.text)
		theirs, theirErr := parseSDK(v.text)
		if differs := (err == nil) != (theirErr == nil); differs != (v.sdk != "") {
			t.Errorf("%s: we say %v, the SDK %v; explained: %q", v.name, err, theirErr, v.sdk)
		}
		if err == nil && theirErr == nil {
			compareSDK(t, v.name, e, theirs)
		}
	}
}

// The SDK accepts every event that is valid here, and reads the same.
func TestEventsAgainstSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		for _, attribute := range []string{e.ID, e.Type, e.Subject} {
			if strings.TrimSpace(attribute) == "" {
				t.Skip(sdkBlank)
			}
		}
		if strings.Contains(e.DataContentType, "+json") && !e.Base64 {
			e.DataContentType = "" // sdkNonJSON
		}
		line := e.AppendJSON(nil)
		if strings.Contains(e.Data, `\ud800`) {
			t.Skip("the SDK reads a lone surrogate as U+FFFD; in data ours stays as sent")
		}
		if strings.Contains(e.Data, "1E400") {
			t.Skip(sdkNumber)
		}
		theirs, err := parseSDK(string(line))
		if err != nil {
			t.Fatalf("the SDK refuses %s: %v", line, err)
		}
		compareSDK(t, string(line), e, theirs)
	})
}

func compareSDK(t failer, name string, e event.Event, theirs cloudevents.Event) {
	t.Helper()
	for attribute, pair := range map[string][2]string{
		"id": {e.ID, theirs.ID()}, "type": {e.Type, theirs.Type()}, "subject": {e.Subject, theirs.Subject()},
		"datacontenttype": {e.DataContentType, theirs.DataContentType()}, "dataschema": {e.DataSchema, theirs.DataSchema()},
		"specversion": {"1.0", theirs.SpecVersion()},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s is %q here, %q in the SDK", name, attribute, pair[0], pair[1])
		}
	}
	// The SDK rewrites a source with its own escapes.
	if source := theirs.Source(); source != e.Source && !strings.Contains(source, "%") {
		t.Errorf("%s: source is %q here, %q in the SDK", name, e.Source, source)
	}
	at, timed := e.Timestamp()
	if theirTime := theirs.Time(); timed && !at.Equal(theirTime) || !timed && !theirTime.IsZero() {
		t.Errorf("%s: time is %v here, %v in the SDK", name, at.Format(time.RFC3339Nano), theirTime.Format(time.RFC3339Nano))
	}
	compareExtensions(t, name, e.Extensions, theirs.Extensions())
	compareData(t, name, e, theirs)
}

func compareExtensions(t failer, name string, ours []event.Extension, theirs map[string]any) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Errorf("%s: %d extensions here, %d in the SDK", name, len(ours), len(theirs))
	}
	for _, x := range ours {
		var value any
		if err := json.Unmarshal([]byte(x.Value), &value); err != nil {
			t.Errorf("%s: extension %s: %v", name, x.Name, err)
		}
		if n, ok := value.(float64); ok {
			value = int32(n)
		}
		if theirs[x.Name] != value {
			t.Errorf("%s: extension %s is %#v here, %#v in the SDK", name, x.Name, value, theirs[x.Name])
		}
	}
}

func compareData(t failer, name string, e event.Event, theirs cloudevents.Event) {
	t.Helper()
	var want []byte
	switch text := strings.Contains(e.DataContentType, "text/"); {
	case e.Base64:
		want, _ = base64.StdEncoding.DecodeString(strings.Trim(e.Data, `"`))
	case text && e.Data != "":
		var decoded string
		if err := json.Unmarshal([]byte(e.Data), &decoded); err != nil {
			t.Errorf("%s: data: %v", name, err)
		}
		want = []byte(decoded)
	default:
		want = []byte(e.Data)
	}
	got := string(theirs.Data())
	if !e.Base64 && got != string(want) { // the SDK keeps white space
		var value json.RawMessage
		if json.Unmarshal([]byte(got), &value) == nil {
			compacted, _ := json.Marshal(value)
			got = string(compacted)
		}
	}
	if got != string(want) {
		t.Errorf("%s: data is %q here, %q in the SDK", name, want, got)
	}
}
