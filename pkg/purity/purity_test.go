package purity_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"reprise/pkg/purity"
)

// Everything that a projection must not use is found, directly or through another package,
// and nothing else.
func TestImpureCodeIsFound(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), purity.New(), "impure", "helper")
}
