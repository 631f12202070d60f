// Package jsonata evaluates a subset of JSONata: field paths and predicates,
// operators, array and object constructors, conditions, and nine functions
// (sum, count, string, number, not, exists, merge, type).
//
// The parser is github.com/blues/jsonata-go/jparse. Compile checks its syntax
// tree and refuses by name what is outside the subset. This package then
// evaluates the tree, because the evaluator of jsonata-go turns empty lists into
// nothing, loses null, and keeps variables in the compiled expression, so that
// goroutines cannot share one; TestDeviationsOfTheGoEvaluator lists all
// deviations. The semantics are those of npm jsonata, with which a differential
// test compares this package. Where versions of npm jsonata disagree, evaluation
// fails with a FencedError.
//
// MaxDepth bounds the values and MaxWork the evaluations, so that no expression
// and no data can exhaust the stack or the memory.
//
// This package knows nothing of Amazon States Language: the caller defines
// $states.
package jsonata
