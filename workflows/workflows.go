package workflows

import _ "embed"

//go:embed replay.asl.json
var replay string

//go:embed control.asl.json
var control string

//go:embed verify.asl.json
var verify string

//go:embed replay.input.schema.json
var replayInput string

// Replay is the definition of the replay state machine.
func Replay() string { return replay }

// Control is the definition of the state machine that steers replays.
func Control() string { return control }

// Verify is the definition of the state machine of verifications.
func Verify() string { return verify }

// ReplayInput is the JSON schema of the input of the replay state machine.
func ReplayInput() string { return replayInput }
