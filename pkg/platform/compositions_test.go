package platform_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/aws/settings"
)

// made maps every function to the method of Platform that makes it, and, if
// there is one, to the method that makes the part it uses.
var made = map[string]struct{ function, part string }{
	"load-events":        {"Load", ""},
	"import-events":      {"Load", ""},
	"serve-api":          {"API", ""},
	"pump-events":        {"Pump", "EventPump"},
	"write-state":        {"Write", "Live"},
	"run-microservice":   {"Microservice", ""},
	"retry-effects":      {"RetryEffects", ""},
	"apply-playback":     {"ApplyPlayback", "Consumer"},
	"plan-replay":        {"Plan", "Planner"},
	"read-segment":       {"Read", "Reader"},
	"check-drained":      {"Drain", "Drainer"},
	"prove-completeness": {"Prove", "Prover"},
	"follow-stream":      {"Follow", "Promoter"},
	"promote-generation": {"Promote", "Promoter"},
	"await-resume":       {"AwaitResume", "Replays"},
	"control-replay":     {"Control", "Replays"},
	"report-replay":      {"Report", "Closer"},
	"close-replay":       {"Close", "Replays"},
	"keep-consumers":     {"Keep", "Reconcile"}, // beside Keeper, without which nothing would be applied

	"plan-verification":   {"PlanVerification", ""},
	"verify-lanes":        {"VerifyLanes", "Checker"},
	"report-verification": {"ReportVerification", ""},

	"watch-log": {"WatchLog", ""}, // of package consume: it needs nothing of the platform
}

// leftOut names the functions that a composition does not run, with the
// reasons.
var leftOut = map[string]map[string]string{
	"AWS": {},
	"one machine": {
		"watch-log": "the embedded log has no stream of its changes: nothing but its adapter can write to it",
	},
	"simulation": {
		"load-events":      "producers put records as it does; its own tests have what it accepts",
		"import-events":    "as load-events",
		"serve-api":        "schedules ask the stores themselves",
		"run-microservice": "it writes nothing of the platform's; its own tests have when it reacts",
		"retry-effects":    "as run-microservice",
		"keep-consumers":   "the schedule decides when a consumer runs, in more ways than a keeper would",
		"watch-log":        "the simulated log reports a change at once",
	},
}

// TestEveryCompositionRunsTheSameFunctions reads which methods of Platform each
// composition calls.
func TestEveryCompositionRunsTheSameFunctions(t *testing.T) {
	compositions := map[string]map[string]bool{
		"AWS":         asked(t, "../../functions", func(x ast.Expr) bool { return isName(x, "p") || isName(x, "consume") }),
		"one machine": asked(t, "../local", func(x ast.Expr) bool { return isField(x, "core") }),
		"simulation":  asked(t, "../../integration/simulation/functions_test.go", isNewPlatform),
	}
	maps.Copy(compositions["simulation"],
		asked(t, "../../integration/simulation/verification_test.go", func(x ast.Expr) bool { return isName(x, "p") }))
	functions := settings.Functions()
	if len(functions) != len(made) {
		t.Errorf("%d functions, %d are made", len(functions), len(made))
	}
	for name, methods := range compositions {
		for _, function := range functions {
			how := made[function]
			runs := methods[how.function] || (how.part != "" && methods[how.part])
			if reason, left := leftOut[name][function]; runs == left {
				t.Errorf("%s: runs %s: %t; the reason to leave it out: %q", name, function, runs, reason)
			}
		}
		for function := range leftOut[name] {
			if !slices.Contains(functions, function) {
				t.Errorf("%s leaves %s out, which is no function", name, function)
			}
		}
	}
}

// asked returns the methods that a file, or the sources below a directory, call
// on the variable that holds the platform.
func asked(t *testing.T, dir string, ofPlatform func(ast.Expr) bool) map[string]bool {
	t.Helper()
	methods := make(map[string]bool)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || (strings.HasSuffix(path, "_test.go") && path != dir) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && ofPlatform(s.X) {
				methods[s.Sel.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return methods
}

func isName(x ast.Expr, name string) bool {
	ident, ok := x.(*ast.Ident)
	return ok && ident.Name == name
}

func isField(x ast.Expr, name string) bool {
	s, ok := x.(*ast.SelectorExpr)
	return ok && s.Sel.Name == name
}

func isNewPlatform(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && isField(call.Fun, "New")
}
