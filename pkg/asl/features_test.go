package asl_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// features are what a state machine file uses: "Task" for a kind of state,
// "State.Next" for a field that all kinds have, "Task.Retry" for a field of one
// kind, "Retry.MaxAttempts" for a field inside another, "Map DISTRIBUTED" for a
// mode, "States.ALL" for an error name, "invoke" for a resource, "${Name}" for
// placeholders, and from expressions "$count" for a function and
// "$states.input" for a reserved variable.
type features map[string]bool

func (f features) machine(m map[string]any) {
	for name := range m {
		f["Machine."+name] = true
	}
	f.states(m)
}

func (f features) states(flow map[string]any) {
	for _, s := range flow["States"].(map[string]any) {
		state := s.(map[string]any)
		kind := state["Type"].(string)
		f[kind] = true
		for field, value := range state {
			if slices.Contains([]string{"Type", "Next", "End", "Comment", "QueryLanguage"}, field) {
				f["State."+field] = true
				continue
			}
			f[kind+"."+field] = true
			f.value(field, value)
		}
		if processor, ok := state["ItemProcessor"].(map[string]any); ok {
			mode := "INLINE"
			if config, ok := processor["ProcessorConfig"].(map[string]any); ok {
				mode = config["Mode"].(string)
			}
			f["Map "+mode] = true
			f.states(processor)
		}
		branches, _ := state["Branches"].([]any)
		for _, branch := range branches {
			f.states(branch.(map[string]any))
		}
	}
}

// objects are the fields that contain objects of the language rather than data.
var objects = []string{"Arguments", "Retry", "Catch", "Choices", "ItemProcessor", "ProcessorConfig", "ItemBatcher"}

var (
	function = regexp.MustCompile(`\$[a-z]+\(`)
	reserved = regexp.MustCompile(`\$states\.(input|result|errorOutput|context\.[A-Z]\w*\.[A-Z]\w*(\.[A-Z]\w*)?)`)
)

// value adds the features in the value of a field.
func (f features) value(field string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(objects, field) {
				f[field+"."+name] = true
			}
			if name != "States" {
				f.value(name, member)
			}
		}
	case []any:
		for _, item := range v {
			f.value(field, item)
		}
	case string:
		if strings.HasPrefix(v, "${") {
			f["${Name}"] = true
		}
		if strings.HasPrefix(v, "States.") {
			f[v] = true
		}
		if resource, ok := strings.CutPrefix(v, "arn:aws:states:::lambda:"); ok {
			f[resource] = true
		}
		if strings.HasPrefix(v, "{%") {
			for _, call := range function.FindAllString(v, -1) {
				f[strings.TrimSuffix(call, "(")] = true
			}
			for _, path := range reserved.FindAllString(v, -1) {
				f[path] = true
			}
		}
	}
}

// ourFeatures are the features that the state machine files of this repository
// use.
func ourFeatures(t *testing.T) features {
	t.Helper()
	files, err := filepath.Glob("../../workflows/*.asl.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("state machine files: %v, %v", files, err)
	}
	used := features{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var machine map[string]any
		if err := json.Unmarshal(raw, &machine); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		used.machine(machine)
	}
	return used
}

var (
	row    = regexp.MustCompile(`(?m)^\| (.*) \| (yes|no) \| (.*) \|$`)
	quoted = regexp.MustCompile("`([^`]+)`")
	named  = regexp.MustCompile(`\bTest\w+`)
	reads  = regexp.MustCompile(`\.(?:get|text|required|flag|template|expression|number|constant|names|sub|each)\("(\w+)"`)
)

// TestTableOfFeatures checks the table of features in DESIGN.md: that it says
// correctly what our files use, that its tests exist, and that it omits no
// field that Parse reads.
func TestTableOfFeatures(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	used, told := ourFeatures(t), map[string]bool{}
	tests := testNames(t)
	_, section, _ := strings.Cut(string(design), "## What a file may contain\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, cells := range row.FindAllStringSubmatch(section, -1) {
		for _, feature := range quoted.FindAllStringSubmatch(cells[1], -1) {
			told[feature[1]] = true
			if told := cells[2] == "yes"; used[feature[1]] != told {
				t.Errorf("%s: used by our files is %t, the table says %s", feature[1], used[feature[1]], cells[2])
			}
		}
		for _, test := range named.FindAllString(cells[3], -1) {
			if !tests[test] {
				t.Errorf("%s has no test %s", cells[1], test)
			}
		}
		if !named.MatchString(cells[3]) {
			t.Errorf("%s names no test", cells[1])
		}
	}
	for _, feature := range slices.Sorted(maps.Keys(used)) {
		if !told[feature] {
			t.Errorf("%s is used by our files and not in the table", feature)
		}
	}
	for _, field := range fieldsOfTheParser(t) {
		inTable := func(feature string) bool { return strings.HasSuffix(feature, "."+field) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(told)), inTable) {
			t.Errorf("Parse reads %s, which is not in the table", field)
		}
	}
}

func fieldsOfTheParser(t *testing.T) []string {
	t.Helper()
	var fields []string
	files, _ := filepath.Glob("parse*.go")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range reads.FindAllSubmatch(raw, -1) {
			fields = append(fields, string(field[1]))
		}
	}
	if len(fields) < 40 {
		t.Fatalf("only %d fields were seen to be read", len(fields))
	}
	return fields
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	here, _ := filepath.Glob("*_test.go")
	below, _ := filepath.Glob("*/*_test.go")
	for _, file := range append(here, below...) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(raw, -1) {
			names[string(name[1])] = true
		}
	}
	return names
}
