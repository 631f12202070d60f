package deployed

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/asl/asltest"
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

// MachineARN is the ARN of the deployment's only state machine.
func (w *World) MachineARN() *string {
	return aws.String("arn:aws:states:" + place().Region + ":" + place().Account + ":stateMachine:" +
		w.options.Deployment.Machines[0].Name)
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
