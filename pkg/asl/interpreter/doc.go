// Package interpreter runs the executions of state machines, each step in the
// journal before it has effects: the threads of an execution (its own,
// branches, iterations), attempts of a Task with their retries and tokens, map
// runs and their children, and what history tells of all that.
//
// What lives here: one execution, from where the journal has it to its end.
// What must not: which executions there are, and answers about them (package
// engine, through which alone the rest of the program runs machines); the
// meaning of fields and expressions (package asl); how a function is invoked
// (Invoker).
package interpreter
