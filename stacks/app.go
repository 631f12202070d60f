package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// Assets returns the directory that contains a function's program, named bootstrap.
type Assets func(folder string) string

// deployment is what all stacks of an app share.
type deployment struct {
	Config
	assets Assets
}

// New adds the platform's stacks to an app.
func New(app awscdk.App, config Config, assets Assets) {
	d := &deployment{Config: config, assets: assets}
	data := d.newStack(app, "data", "The event log, the control table and the event stream.")
	ingest := d.newStack(app, "ingest", "The HTTP API and the live path.")
	replay := d.newStack(app, "replay", "The replay state machine, its steps and the playback stream.")
	operations := d.newStack(app, "operations", "Alarms and the dashboard.")
	d.data(data)
	d.ingest(ingest)
	d.replay(replay)
	d.operations(operations)
	// The stacks export nothing, so their order must be explicit.
	ingest.AddStackDependency(data, jsii.String("its functions read the tables and the stream"))
	replay.AddStackDependency(ingest, jsii.String("its steps call keep-consumers"))
	operations.AddStackDependency(replay, jsii.String("it watches what the others have"))
}

func (d *deployment) newStack(app awscdk.App, kind, description string) awscdk.Stack {
	stack := awscdk.NewStack(app, jsii.String(d.stack(kind)), &awscdk.StackProps{
		StackName: jsii.String(d.stack(kind)), Description: jsii.String(description),
		// One mistyped command must not remove the log.
		TerminationProtection: jsii.Bool(kind == "data"),
	})
	awscdk.Tags_Of(stack).Add(jsii.String("reprise"), jsii.String(d.Prefix), nil)
	return stack
}
