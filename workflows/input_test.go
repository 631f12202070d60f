package workflows_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"reprise/pkg/replay/request"
	"reprise/workflows"
)

func inputSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(workflows.ReplayInput()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const url = "urn:reprise:replay-input"
	if err := c.AddResource(url, document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile(url)
}

// The values of members that are drawn: what is accepted, and what is not.
var (
	texts = []string{`"a"`, `"account.deposited"`, `"käse"`, `"ab-1"`, `""`, `null`, `7`, `{}`, `"\u0000"`, `"\u007f"`,
		`"\ufffe"`, `"\ufdd0"`, `"\u202e"`, `"a\nb"`, `"` + strings.Repeat("x", 768) + `"`,
		`"` + strings.Repeat("x", 769) + `"`, `"` + strings.Repeat("x", 8193) + `"`}
	times = []string{`"2026-03-01T00:00:00Z"`, `"2026-03-02T00:00:00.123456789+01:30"`, `"2026-03-03T23:59:59-23:59"`,
		`"2026-03-01T00:00:00,5Z"`, `"2026-03-01T00:00:00+24:00"`, `"2026-03-01T0:00:00Z"`, `"2026-03-01t00:00:00z"`,
		`"2026-03-01T00:00:60Z"`, `"2026-03-01T00:00:00.1234567890Z"`, `"2026-03-01"`, `"2026-02-30T00:00:00Z"`, `""`,
		`" 2026-03-01T00:00:00Z"`, `"2026-03-01T00:00:00"`, `"2026-03-01T24:00:00Z"`, `"02026-03-01T00:00:00Z"`,
		`"2026-03-01T00:00:00+01:60"`, `null`, `7`, `"2026-03-01T00:00:00.Z"`}
	numbers = []string{`1`, `8`, `256`, `257`, `0`, `-0`, `-1`, `8.0`, `0.8e1`, `80E-1`, `1.5`, `1e400`,
		`-1e400`, `1e-400`, `10000000`, `10000001`, `1e7`, `"8"`, `null`, `true`, `[8]`, `9223372036854775808`,
		`8.0000000000000000001`, `"NaN"`}
	budgets = []string{`{"dollars":2.5}`, `{"dollars":2.50}`, `{"dollars":0.000001}`, `{"dollars":0.0000001}`,
		`{"dollars":1.0000001}`, `{"dollars":1000000}`, `{"dollars":1000000.000001}`, `{"dollars":0}`, `{"dollars":-0}`,
		`{"dollars":-1}`, `{"dollars":25e-1}`, `{"dollars":1e400}`, `{"dollars":1e-400}`, `{"dollars":"2.5"}`,
		`{"dollars":null}`, `{"dollars":true}`, `{"readUnits":1}`, `{"readUnits":400000}`, `{"readUnits":0}`,
		`{"readUnits":-1}`, `{"readUnits":1.5}`, `{"readUnits":1e12}`, `{"readUnits":1000000000001}`, `{"readUnits":"1"}`,
		`{"readUnits":null}`, `{"dollars":1,"readUnits":1}`, `{}`, `{"Dollars":1}`, `{"dollars":1,"more":1}`, `null`, `[]`,
		`2.5`, `"2.50usd"`}
	switches  = []string{`true`, `false`, `null`, `"true"`, `1`, `0`}
	orderings = []string{`"entity"`, `"window"`, `"none"`, `"Entity"`, `""`, `null`, `7`, `["none"]`}
	widths    = []string{`"6h"`, `"7d"`, `"99999d"`, `"100000h"`, `"0h"`, `"06h"`, `"1.5h"`, `"-1h"`, `"1w"`, `""`, `6`,
		`null`, `"6h "`}
	attributes = []string{`{"name":"tenant","value":"acme"}`, `{"name":"tenant","value":""}`, `{"name":"tenant"}`,
		`{"name":"Tenant","value":"a"}`, `{"name":"type","value":"a"}`, `{"name":"data","value":"a"}`,
		`{"name":"reprisereplay","value":"a"}`, `{"name":"","value":"a"}`, `{"name":"tenant","value":7}`,
		`{"name":"tenant","value":"a","more":1}`, `{"Name":"tenant","value":"a"}`, `{"name":"tenant","value":"\u0001"}`,
		`{"name":"tenant","value":null}`, `null`, `"tenant=acme"`, `[]`, `{}`,
		`{"name":"` + strings.Repeat("a", 65) + `","value":"a"}`}
)

func drawList(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{0, 1, 1, 1, 2, 2, most, most + 1}).Draw(t, "items")
		if n >= most {
			return "[" + strings.Repeat(`"a",`, n-1) + `"b"]`
		}
		items := rapid.SliceOfN(rapid.SampledFrom(texts), n, n).Draw(t, "list")
		return "[" + strings.Join(items, ",") + "]"
	})
}

// drawInput draws an input, mostly with one or two members.
func drawInput() *rapid.Generator[string] {
	members := map[string]*rapid.Generator[string]{
		"from": rapid.SampledFrom(times), "to": rapid.SampledFrom(times), "types": drawList(50), "entities": drawList(100),
		"prefixes": drawList(50), "attribute": rapid.SampledFrom(attributes), "rebuild": rapid.SampledFrom(switches),
		"promote": rapid.SampledFrom(switches), "ordering": rapid.SampledFrom(orderings),
		"slice": rapid.SampledFrom(widths), "parallelism": rapid.SampledFrom(numbers), "rate": rapid.SampledFrom(numbers),
		"effects":           rapid.SampledFrom([]string{`"diff"`, `""`, `"send"`, `true`, `null`}),
		"budget":            rapid.SampledFrom(budgets),
		"toleratedFailures": rapid.SampledFrom(append([]string{`512`, `513`}, numbers...)),
		"verification":      rapid.SampledFrom([]string{`"v"`, `"a b"`, `""`, `null`, `7`}),
		"dryRun":            rapid.SampledFrom(switches), "From": rapid.SampledFrom(times), "": rapid.SampledFrom(switches),
	}
	names := []string{"from", "to", "types", "entities", "prefixes", "attribute", "rebuild", "promote", "ordering",
		"slice", "parallelism", "rate", "budget", "toleratedFailures", "dryRun", "effects", "verification",
		"From", ""}
	return rapid.Custom(func(t *rapid.T) string {
		var parts []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, "members") {
			parts = append(parts, `"`+name+`":`+members[name].Draw(t, name))
		}
		return "{" + strings.Join(parts, ",") + "}"
	})
}

// beyond are the refusals that no schema can express.
var beyond = []string{"is not before to", "outside of the years", "in a key"}

// TestTheSchemaAcceptsWhatTheRequestAccepts draws inputs and holds both against each
// other. All that the schema accepts and the request refuses must be beyond a schema.
func TestTheSchemaAcceptsWhatTheRequestAccepts(t *testing.T) {
	schema := inputSchema(t)
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for _, input := range rapid.SliceOfN(drawInput(), 30, 30).Draw(t, "inputs") {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(input))
			if err != nil {
				t.Fatalf("%s: %v", input, err)
			}
			bySchema := schema.Validate(value)
			_, byRequest := request.Parse([]byte(input))
			if byRequest == nil {
				accepted++
			} else {
				refused++
			}
			if bySchema == nil && byRequest != nil && containsAny(byRequest.Error(), beyond) {
				continue
			}
			if (bySchema == nil) != (byRequest == nil) {
				t.Errorf("%s\nschema: %v\nrequest: %v", input, bySchema, byRequest)
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d inputs were accepted, %d refused", accepted, refused)
	}
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestTheSchemaSaysEverythingThatAFormNeeds expects a title and a description of
// every member, its default where there is one, and a row of INPUT.md.
func TestTheSchemaSaysEverythingThatAFormNeeds(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Title, Description string
			Default            any
			Examples           []any
		}
	}
	if err := json.Unmarshal([]byte(workflows.ReplayInput()), &schema); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{"rebuild": false, "promote": false, "dryRun": false, "rate": 0.0,
		"parallelism": float64(request.DefaultParallelism), "ordering": string(request.ByEntity)}
	validator := inputSchema(t)
	for name, member := range schema.Properties {
		if member.Title == "" || member.Description == "" || member.Default != defaults[name] {
			t.Errorf("%s: %+v", name, member)
		}
		if !strings.Contains(inputDocument(t), "\n| `"+name+"` |") {
			t.Errorf("INPUT.md does not document %s", name)
		}
		for _, example := range member.Examples {
			if err := validator.Validate(map[string]any{name: example}); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
		}
	}
}

func inputDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("INPUT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
