package wire_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"testing"
)

// everywhere claims to listen on every interface. It opens nothing.
type everywhere struct{ net.Listener }

func (everywhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1} }

func (everywhere) Close() error { return nil }

func TestAWSCLIWorks(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the AWS CLI is not installed: aws")
	}
	w := newWorld(t)
	arn := w.begin(t, "echoes", "by-cli", "{}")
	w.end(t, arn)
	run := func(args ...string) []byte {
		options := []string{"stepfunctions", "--endpoint-url", w.url, "--region", "eu-west-1", "--output", "json"}
		command := exec.CommandContext(t.Context(), cli, append(options, args...)...)
		command.Env = append(os.Environ(),
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_PAGER=", "AWS_CONFIG_FILE="+os.DevNull)
		var errs bytes.Buffer
		command.Stderr = &errs
		out, err := command.Output()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, errs.String())
		}
		return out
	}
	var got struct{ Status, Output string }
	if err := json.Unmarshal(run("describe-execution", "--execution-arn", arn), &got); err != nil ||
		got.Status != "SUCCEEDED" || got.Output != "[1,2,3]" {
		t.Errorf("execution: %+v, %v", got, err)
	}
	var history struct{ Events []struct{ Type string } }
	if err := json.Unmarshal(run("get-execution-history", "--execution-arn", arn), &history); err != nil ||
		len(history.Events) != 13 {
		t.Errorf("history: %+v, %v", history, err)
	}
}
