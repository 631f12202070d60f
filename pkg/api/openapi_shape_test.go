package api_test

import (
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"reprise/pkg/api"
	"reprise/pkg/replay/lifecycle"
)

// TestSchemasAreTheShapesOfAnswers compares members, also those that no answer
// of a test happens to have.
func TestSchemasAreTheShapesOfAnswers(t *testing.T) {
	doc, err := description()
	must(t, err)
	for name, shown := range map[string]any{
		"Problem": api.Problem{}, "Accepted": api.Accepted{}, "Entity": api.EntityView{},
		"History": api.HistoryPage{}, "Rows": api.RowsPage{}, "Lanes": api.LanesView{},
		"Status": api.StatusView{}, "Generation": api.Wiped{}, "Generations": api.GenerationsView{}, "Replays": api.ReplaysPage{}, "Replay": lifecycle.View{},
		"StartReplay": api.StartReplay{},
	} {
		compareShape(t, name, reflect.TypeOf(shown), doc.Components.Schemas[name])
	}
}

var (
	ownJSON = reflect.TypeFor[json.Marshaler]()
	ownText = reflect.TypeFor[encoding.TextMarshaler]()
)

// compareShape holds a type against a schema, member by member.
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
				t.Errorf("openapi.yaml describes %s.%s, which there is not", path, name)
			}
		}
	}
}

// given are what requests give: their members may be absent.
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

// TestProblemTypesAreDescribed finds the kinds of problems in the source, also
// those that no test happens to be answered with.
func TestProblemTypesAreDescribed(t *testing.T) {
	doc, err := description()
	must(t, err)
	const prefix = "urn:reprise:problem:"
	described := map[string]bool{}
	for _, kind := range doc.Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		described[strings.TrimPrefix(kind.(string), prefix)] = true
	}
	known := problemKinds(t)
	for _, status := range []int{400, 403, 404, 413, 500} {
		known[strings.TrimPrefix(decode[api.Problem](t, api.PlainProblem(status).Body).Type, prefix)] = true
	}
	for kind := range known {
		if !described[kind] {
			t.Errorf("openapi.yaml lacks the problem %s", kind)
		}
	}
	for kind := range described {
		if !known[kind] {
			t.Errorf("openapi.yaml describes the problem %s, which nothing answers", kind)
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
			at, is := argument[name.Name]
			if !is {
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

// TestPlainProblemsAreDescribed holds the answers of a gateway without a handler
// against the description.
func TestPlainProblemsAreDescribed(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		checkResponse(t, api.RouteEvents, api.PlainProblem(status))
	}
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		checkResponse(t, "GET /status", api.PlainProblem(status))
	}
}
