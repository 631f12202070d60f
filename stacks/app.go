package stacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

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

// microservice is the function that runs a service, and retryEffects the one that takes up
// its effects again. They are deployed only if there is a service.
const (
	microservice = "run-microservice"
	retryEffects = "retry-effects"
)

// folders are the functions of all stacks.
func (c Config) folders() []string {
	return c.deployed(
		"load-events", "import-events", "serve-api",
		"pump-events", "write-state", microservice, retryEffects, "keep-consumers", "watch-log",
		"plan-replay", "read-segment", "apply-playback", "check-drained", "prove-completeness",
		"follow-stream", "promote-generation", "await-resume", "control-replay", "report-replay", "close-replay",
		"plan-verification", "verify-lanes", "report-verification",
	)
}

// deployed returns those of some functions that are deployed.
func (c Config) deployed(folders ...string) []string {
	return slices.DeleteFunc(folders, func(folder string) bool {
		return (folder == microservice || folder == retryEffects) && !c.Service
	})
}

// Build compiles every function of the deployment from the module at root into its own
// directory under out, which is relative to root. The same sources give the same bytes
// in any directory, so that a deploy updates only functions that changed.
func (c Config) Build(root, out string) error {
	for _, folder := range c.folders() {
		target := filepath.Join(out, folder, "bootstrap")
		// The tag omits the RPC of a retired runtime.
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
			"-ldflags", "-s -w -buildid=", "-o", target, "./functions/"+folder)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", folder, err, output)
		}
	}
	return nil
}

// Built returns the assets that Build has made under directory.
func Built(directory string) Assets {
	return func(folder string) string { return filepath.Join(directory, folder) }
}
