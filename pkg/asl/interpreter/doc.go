// Package interpreter runs executions of state machines and journals each step
// before it has effects: the threads of an execution (its own, branches,
// iterations), attempts of a Task with retries and task tokens, map runs and
// their child executions, and the history events of all these.
//
// This package drives one execution from its last journalled step to its end.
// Package engine starts, lists and describes executions, and is the only
// package that the rest of the program uses to run machines. Package asl
// evaluates fields and expressions, and an Invoker invokes functions.
package interpreter
