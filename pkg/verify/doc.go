// Package verify checks a generation of the Data Store, and the log itself, against
// what the log folds to, while live traffic goes on.
//
// A verification freezes a cut (the lanes' heads), and works through the lanes of each
// lane group in spans of entities that fit into memory. For a span it reads the rows
// first and then the log, folds each entity's events up to its row's own position, and
// compares. It writes nothing but its own progress and report, so it costs reads only.
// Every difference is read again before it counts. At depth rebuild it verifies the
// throwaway that a replay has built in the same way, after the generation; package rebuild
// starts that replay and waits for it.
//
// The package contains the documents of a verification and its steps in order: Planner,
// Checker and Reporter. It knows nothing of AWS, HTTP or the inputs of Lambdas. DESIGN.md
// explains the design.
package verify
