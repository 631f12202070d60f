// Package request is what can be asked of a replay: the input of an execution of
// the replay state machine, how it is read, and which events it selects. The JSON
// schema of the input is workflows/replay.input.schema.json, and what a schema
// cannot say is checked here.
package request
