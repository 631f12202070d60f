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
	"reprise/pkg/replay/lifecycle"
)

// TestSchemasMatchTheAnswers compares members, also those that no answer
// of a test happens to have.
func TestSchemasMatchTheAnswers(t *testing.T) {
	doc, err := description()
	must(t, err)
	for name, shown := range map[string]any{
		"Problem": api.Problem{}, "Accepted": api.Accepted{}, "Entity": api.EntityView{},
		"History": api.HistoryPage{}, "Rows": api.RowsPage{}, "Parked": api.ParkedPage{}, "Quarantine": api.QuarantinePage{},
		"SkipRequest": api.SkipRequest{}, "Skipping": api.Skipping{}, "Lanes": api.LanesView{},
		"Status": api.StatusView{}, "Generation": api.Wiped{}, "Generations": api.GenerationsView{},
		"Replays": api.ReplaysPage{}, "Replay": lifecycle.View{},
		"StartReplay": api.StartReplay{}, "PlaybackPage": api.PlaybackPage{},
	} {
		compareShape(t, name, reflect.TypeOf(shown), doc.Components.Schemas[name])
	}
}

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
var given = map[string]bool{"StartReplay": true}

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
	kinds := map[string]bool{}
	argument := map[string]int{"problem": 1, "retryLater": 0}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.Ident)
			if !ok {
				return true
			}
			at, ok := argument[name.Name]
			if !ok {
				return true
			}
			if literal, ok := call.Args[at].(*ast.BasicLit); ok {
				kind, err := strconv.Unquote(literal.Value)
				must(t, err)
				kinds[kind] = true
			}
			return true
		})
	}
	return kinds
}

// TestProblemsOfEveryRouteAreDescribed compares with the description the problems that
// every route can answer with: those found before it reads a request, and failures.
func TestProblemsOfEveryRouteAreDescribed(t *testing.T) {
	w := newAPIWorld(t)
	for status, body := range map[int]io.Reader{
		http.StatusBadRequest:            iotest.ErrReader(io.ErrUnexpectedEOF),
		http.StatusRequestEntityTooLarge: bytes.NewReader(make([]byte, api.MaxBodyBytes+1)),
	} {
		got := answeredBy(w.handler, httptest.NewRequest(http.MethodPost, "/events", body))
		if got.StatusCode != status {
			t.Errorf("%d %s, want %d", got.StatusCode, got.Body, status)
		}
		checkResponse(t, api.RouteEvents, got)
	}
	forbidden := answeredBy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { api.Forbid(w) }),
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
