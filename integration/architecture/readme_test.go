package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeNamesExistingThings: a promise's test that was renamed or moved is no
// longer found by who looks for it.
func TestReadmeNamesExistingThings(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)` in `([a-z/]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 10 {
		t.Fatalf("the README names %d tests", len(named))
	}
	for _, match := range named {
		test, folder := match[1], match[2]
		if !holds(t, filepath.Join("../..", folder), "func "+test+"(") {
			t.Errorf("%s is not in %s", test, folder)
		}
	}
	links := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1)
	for _, match := range links {
		if _, err := os.Stat(filepath.Join("../..", match[1])); err != nil {
			t.Errorf("the README links to %s: %v", match[1], err)
		}
	}
}

// holds reports whether a folder's tests contain a text.
func holds(t *testing.T, folder, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), text) {
			return true
		}
	}
	return false
}
