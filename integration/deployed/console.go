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

// CLI runs a command of the AWS CLI for Step Functions and decodes its answer. If the
// CLI is not installed it reports false, or fails the test in CI.
func (w *World) CLI(answer any, args ...string) bool {
	w.t.Helper()
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			w.t.Fatal(err)
		}
		w.t.Logf("the AWS CLI is not installed, skipping: aws stepfunctions %v", args)
		return false
	}
	command := exec.CommandContext(w.t.Context(), cli, append([]string{"stepfunctions", "--endpoint-url", w.states,
		"--region", place().Region, "--output", "json"}, args...)...)
	command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		w.t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, stderr.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		w.t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, out)
	}
	return true
}
