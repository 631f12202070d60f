package asltest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// CLI runs a command of the AWS CLI for Step Functions against an endpoint, with
// any credentials, and decodes its answer. If the CLI is not installed it says so
// and reports false, or fails the test in CI.
func CLI(t testing.TB, endpoint, region string, answer any, args ...string) (ran bool) {
	t.Helper()
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("the AWS CLI is not installed, skipping: aws stepfunctions %v", args)
		return false
	}
	command := exec.CommandContext(t.Context(), cli, append([]string{"stepfunctions", "--endpoint-url", endpoint,
		"--region", region, "--output", "json"}, args...)...)
	command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, stderr.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("aws stepfunctions %v: %v\n%s", args, err, out)
	}
	return true
}
