package api_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/getkin/kin-openapi/openapi3"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/extract"
	"reprise/pkg/api/generations"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/past"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
	"reprise/pkg/effects/approval"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

// TestSchemasMatchTheAnswers compares members, also those that no answer
// of a test happens to have.
func TestSchemasMatchTheAnswers(t *testing.T) {
	doc, err := description()
	must(t, err)
	for name, shown := range map[string]any{
		"Problem": web.Problem{}, "Accepted": intake.Accepted{}, "Entity": entities.View{},
		"History": entities.HistoryPage{}, "EntityState": past.StateAt{},
		"Explanation": past.Explanation{}, "EntityDifference": past.Difference{}, "Audit": past.Audit{},
		"Rows": entities.RowsPage{}, "Parked": entities.ParkedPage{},
		"Quarantine":  entities.QuarantinePage{},
		"SkipRequest": entities.SkipRequest{}, "Skipping": entities.Skipping{}, "Lanes": api.LanesView{},
		"RefoldRequest": entities.RefoldRequest{}, "Refolding": entities.Refolding{},
		"ReverseRequest": reversals.Request{}, "Reversing": reversals.Reversing{},
		"TouchedRequest": entities.TouchedRequest{}, "Touched": entities.TouchedPage{},
		"Status": api.StatusView{}, "Generation": api.Wiped{}, "Generations": api.GenerationsView{},
		"Replays": api.ReplaysPage{}, "Replay": lifecycle.View{}, "Execution": api.ExecutionView{},
		"StartReplay": api.StartReplay{}, "SetRate": api.SetRate{}, "SetBudget": api.SetBudget{},
		"SetParallelism": api.SetParallelism{},
		"Promote":        generations.Promote{},
		"Rollback":       generations.Rollback{},
		"Promoted":       generations.Promoted{},
		"Approved":       generations.Approved{},
		"GenerationDiff": rowdiff.Report{},
		// A request writes its own JSON, so its members are compared without its methods.
		"Input":             plainRequest{},
		"ProgressDetail":    lifecycle.Detail{},
		"Plan":              forecast.Plan{},
		"StartVerification": verifications.Start{}, "Verification": verifications.View{},
		"Verifications": verifications.Page{}, "Differences": verifications.DifferencesPage{},
		"Cut": extract.Cut{}, "PageRequest": extract.PageRequest{}, "LogPage": extract.Page{},
		"ReversalCall":   reversals.Call{},
		"WaitingEffects": outgoing.WaitingPage{}, "ResumeEffects": outgoing.ResumeRequest{},
		"ResumedEffects": outgoing.Resumed{}, "Effects": outgoing.CallsPage{}, "EffectsOnly": approval.Only{},
		"ApproveEffects": outgoing.ApproveRequest{}, "EffectsApproval": approval.Approval{},
		"EffectsComparison": outgoing.Comparison{},
		"PlaybackPage":      api.PlaybackPage{}, "Samples": api.SamplesView{},
	} {
		compareShape(t, name, reflect.TypeOf(shown), doc.Components.Schemas[name])
	}
}

type plainRequest request.Request

var (
	ownJSON = reflect.TypeFor[json.Marshaler]()
	ownText = reflect.TypeFor[encoding.TextMarshaler]()
)

// compareShape compares a type with a schema, member by member.
func compareShape(t *testing.T, path string, shown reflect.Type, ref *openapi3.SchemaRef) {
	t.Helper()
	for shown.Kind() == reflect.Pointer {
		shown = shown.Elem()
	}
	switch {
	case ref == nil:
		t.Errorf("openapi.yaml lacks %s", path)
	case shown.Implements(ownJSON) || shown.Implements(ownText):
	case shown.Kind() == reflect.Slice:
		compareShape(t, path+"[]", shown.Elem(), ref.Value.Items)
	case shown.Kind() == reflect.Map:
		compareShape(t, path+"[]", shown.Elem(), ref.Value.AdditionalProperties.Schema)
	case shown.Kind() == reflect.Struct:
		members := membersOf(shown)
		for name, m := range members {
			compareShape(t, path+"."+name, m.kind, ref.Value.Properties[name])
			if required := slices.Contains(ref.Value.Required, name); m.always && !required && !given[path] {
				t.Errorf("openapi.yaml does not require %s.%s, which is always there", path, name)
			} else if !m.always && required {
				t.Errorf("openapi.yaml requires %s.%s, which may be absent", path, name)
			}
		}
		for name := range ref.Value.Properties {
			if _, found := members[name]; !found {
				t.Errorf("openapi.yaml describes %s.%s, which does not exist", path, name)
			}
		}
	}
}

// given are the types of requests, whose members may be absent.
var given = map[string]bool{"StartReplay": true, "StartVerification": true}

type member struct {
	kind   reflect.Type
	always bool
}

// membersOf are the members that encoding/json writes for a struct.
func membersOf(t reflect.Type) map[string]member {
	all := make(map[string]member)
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			maps.Copy(all, membersOf(field.Type))
		case field.IsExported() && name != "-":
			all[name] = member{field.Type, !strings.Contains(options, "omit")}
		}
	}
	return all
}

// TestProblemTypesAreDescribed finds the kinds of problems in the source, including
// those that no test receives.
func TestProblemTypesAreDescribed(t *testing.T) {
	doc, err := description()
	must(t, err)
	const prefix = "urn:reprise:problem:"
	described := map[string]bool{}
	for _, kind := range doc.Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		described[strings.TrimPrefix(kind.(string), prefix)] = true
	}
	known := problemKinds(t)
	for kind := range known {
		if !described[kind] {
			t.Errorf("openapi.yaml lacks the problem %s", kind)
		}
	}
	for kind := range described {
		if !known[kind] {
			t.Errorf("openapi.yaml describes the problem %s, which no route answers with", kind)
		}
	}
	if len(known) < 20 {
		t.Errorf("only %d kinds of problems were found", len(known))
	}
}

func problemKinds(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	must(t, err)
	below, err := filepath.Glob("*/*.go")
	must(t, err)
	kinds := map[string]bool{}
	for _, file := range append(files, below...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal := kindIn(n); literal != nil {
				kind, err := strconv.Unquote(literal.Value)
				must(t, err)
				kinds[kind] = true
			}
			return true
		})
	}
	return kinds
}

// kindIn returns the kind that a call makes a problem of, nil for other nodes.
func kindIn(n ast.Node) *ast.BasicLit {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	name := ""
	switch called := call.Fun.(type) {
	case *ast.Ident:
		name = called.Name
	case *ast.SelectorExpr:
		name = called.Sel.Name
	}
	at, ok := map[string]int{"NewProblem": 1, "RetryLater": 0}[name]
	if !ok {
		return nil
	}
	literal, _ := call.Args[at].(*ast.BasicLit)
	return literal
}

// TestProblemsOfEveryRouteAreDescribed compares with the description the problems that
// every route can answer with: those found before it reads a request, and failures.
func TestProblemsOfEveryRouteAreDescribed(t *testing.T) {
	w := newAPIWorld(t)
	for status, body := range map[int]io.Reader{
		http.StatusBadRequest:            iotest.ErrReader(io.ErrUnexpectedEOF),
		http.StatusRequestEntityTooLarge: bytes.NewReader(make([]byte, web.MaxBodyBytes+1)),
	} {
		got := answeredBy(w.handler, httptest.NewRequest(http.MethodPost, "/events", body))
		if got.StatusCode != status {
			t.Errorf("%d %s, want %d", got.StatusCode, got.Body, status)
		}
		checkResponse(t, intake.RouteEvents, got)
	}
	forbidden := answeredBy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { web.Forbid(w) }),
		httptest.NewRequest(http.MethodGet, "/status", http.NoBody))
	w.platform.err = errors.New("broken")
	for status, got := range map[int]response{http.StatusForbidden: forbidden,
		http.StatusInternalServerError: w.ask(asked{route: "GET /status"})} {
		if got.StatusCode != status {
			t.Errorf("%d %s, want %d", got.StatusCode, got.Body, status)
		}
		checkResponse(t, "GET /status", got)
	}
}
