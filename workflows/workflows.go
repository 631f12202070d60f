package workflows

import _ "embed"

//go:embed replay.asl.json
var replay string

// Replay is the definition of the replay state machine.
func Replay() string { return replay }
