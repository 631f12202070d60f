package deployed

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// StepFunctions is a client of the Step Functions API, as a console is: nothing
// of it goes through the HTTP API, or a proxy.
func (w *World) StepFunctions() *sfn.Client {
	return sfn.New(sfn.Options{Region: place().Region, BaseEndpoint: &w.states,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

// MachineARN is that of the deployment's only state machine.
func (w *World) MachineARN() *string {
	return aws.String("arn:aws:states:" + place().Region + ":" + place().Account + ":stateMachine:" +
		w.options.Deployment.Machines[0].Name)
}

// ExecutionARN is that of an execution of it.
func (w *World) ExecutionARN(name string) *string {
	return aws.String(strings.Replace(*w.MachineARN(), ":stateMachine:", ":execution:", 1) + ":" + name)
}

// CLI runs a command of the AWS CLI for Step Functions and decodes its answer.
// It reports false where the CLI is not installed, which fails the test in CI.
func (w *World) CLI(answer any, args ...string) bool {
	w.t.Helper()
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			w.t.Fatal(err)
		}
		w.t.Logf("left out, for want of the AWS CLI: aws stepfunctions %v", args)
		return false
	}
	command := exec.CommandContext(w.t.Context(), cli, append([]string{"stepfunctions", "--endpoint-url", w.states,
		"--region", place().Region, "--output", "json"}, args...)...)
	command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		w.t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, complaint.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		w.t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, out)
	}
	return true
}
