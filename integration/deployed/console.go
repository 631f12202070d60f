package deployed

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/asl/asltest"

	"reprise/integration/template"
)

// StepFunctions is a client of the Step Functions API, as a console is. Its calls go
// through neither the HTTP API nor a proxy.
func (w *World) StepFunctions() *sfn.Client {
	return sfn.New(sfn.Options{
		Region:       place().Region,
		BaseEndpoint: &w.states,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// replayMachine is the replay state machine.
func (w *World) replayMachine() template.Machine {
	for _, machine := range w.options.Deployment.Machines {
		if machine.Name == w.Name("replay") {
			return machine
		}
	}
	w.t.Fatal("there is no replay state machine")
	return template.Machine{}
}

// ControlARN is the ARN of the control state machine.
func (w *World) ControlARN() *string {
	return aws.String("arn:aws:states:" + place().Region + ":" + place().Account + ":stateMachine:" + w.Name("control"))
}

// MachineARN is the ARN of the replay state machine.
func (w *World) MachineARN() *string {
	prefix := "arn:aws:states:" + place().Region + ":" + place().Account + ":stateMachine:"
	return aws.String(prefix + w.replayMachine().Name)
}

// ExecutionARN is the ARN of one of its executions.
func (w *World) ExecutionARN(name string) *string {
	return aws.String(strings.Replace(*w.MachineARN(), ":stateMachine:", ":execution:", 1) + ":" + name)
}

// CLI is asltest.CLI for the deployment.
func (w *World) CLI(answer any, args ...string) bool {
	w.t.Helper()
	return asltest.CLI(w.t, w.states, place().Region, answer, args...)
}
