// Package jsonata evaluates the part of JSONata that the state machine files
// use: field paths and predicates, operators, array and object constructors,
// conditions, and eight functions (sum, count, string, number, not, exists,
// merge, type).
//
// The parser is github.com/blues/jsonata-go/jparse. Its syntax tree is checked
// when an expression is compiled: what lies outside that part is refused by
// name. The tree is then evaluated here and not by jsonata-go, whose evaluator
// turns empty lists into nothing, loses null, and keeps variables in the
// compiled expression, so that two goroutines cannot share one;
// TestDeviationsOfTheGoEvaluator lists what was found. The semantics are those
// of npm jsonata, against which a differential test compares this package;
// where versions of that implementation disagree, evaluation fails with a
// FencedError instead of picking one.
//
// What lives here: values, compiling, evaluating. What must not: anything of
// Amazon States Language; the meaning of $states belongs to the caller.
package jsonata
