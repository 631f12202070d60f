package wire_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/wire"
)

const (
	arns = "arn:aws:states:eu-west-1:123456789012:"

	// echoes calls a function, then maps over three items in children.
	echoes = `{
		"QueryLanguage":"JSONata",
		"StartAt":"Call",
		"States":{
			"Call":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"echo","Payload":"{% $states.input %}"},
				"Output":"{% $states.result.Payload %}",
				"Next":"Each"
			},
			"Each":{
				"Type":"Map",
				"Label":"Each",
				"Items":"{% [1,2,3] %}",
				"MaxConcurrency":2,
				"ItemProcessor":{
					"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
					"StartAt":"One",
					"States":{
						"One":{
							"Type":"Task",
							"Resource":"arn:aws:states:::lambda:invoke",
							"Arguments":{"FunctionName":"echo","Payload":"{% $states.input %}"},
							"Output":"{% $states.result.Payload %}",
							"End":true
						}
					}
				},
				"End":true
			}
		}
	}`
	// waits waits for a token for ever.
	waits = `{"QueryLanguage":"JSONata","StartAt":"Wait","States":{"Wait":{"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
		"Arguments":{"FunctionName":"token","Payload":{"token":"{% $states.context.Task.Token %}"}},"End":true}}}`
	// holds runs until the test releases its children's function.
	holds = `{
		"QueryLanguage":"JSONata",
		"StartAt":"Each",
		"States":{
			"Each":{
				"Type":"Map",
				"Label":"Hold",
				"Items":"{% [1,2] %}",
				"MaxConcurrency":1,
				"ItemProcessor":{
					"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
					"StartAt":"One",
					"States":{
						"One":{
							"Type":"Task",
							"Resource":"arn:aws:states:::lambda:invoke",
							"Arguments":{"FunctionName":"hold","Payload":1},
							"End":true
						}
					}
				},
				"End":true
			}
		}
	}`
)

// functions are echo; token, which hands the token to the test; and hold, which
// waits for the test.
type functions struct {
	tokens chan string
	hold   chan struct{}
}

func (f functions) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	switch function {
	case "token":
		var in struct{ Token string }
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, err
		}
		f.tokens <- in.Token
	case "hold":
		select {
		case <-f.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return payload, nil
}

// world is an engine with its API on the loopback interface, and a client of
// it.
type world struct {
	*sfn.Client
	functions
	engine *engine.Engine
	url    string
	halt   func() // stops the engine; halted is closed once it has stopped
	halted chan struct{}
}

// newWorld serves echoes, waits and holds, and further machines by name.
func newWorld(t *testing.T, further ...string) *world {
	t.Helper()
	w := &world{functions: functions{tokens: make(chan string, 1), hold: make(chan struct{})}}
	parsed := make(map[string]*asl.Machine)
	config := wire.Config{Region: "eu-west-1", Account: "123456789012"}
	machines := append([]string{"echoes", echoes, "waits", waits, "holds", holds}, further...)
	for m := range slices.Chunk(machines, 2) {
		machine, err := asl.Parse([]byte(m[1]), nil)
		if err != nil {
			t.Fatal(err)
		}
		parsed[m[0]] = machine
		config.Machines = append(config.Machines, wire.Machine{
			Name:       m[0],
			Definition: m[1],
			RoleArn:    "role",
			Created:    time.Unix(1, 0),
		})
	}
	engine, err := engine.New(engine.Config{Machines: parsed, Invoker: w.functions, Journal: &asltest.Memory{},
		Region: config.Region, Account: config.Account})
	if err != nil {
		t.Fatal(err)
	}
	config.Engine, w.engine = engine, engine
	running, halt := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	w.halt, w.halted = halt, make(chan struct{})
	go func() { ended <- engine.Run(running); close(w.halted) }()
	server := httptest.NewServer(wire.New(config))
	t.Cleanup(func() {
		server.Close()
		halt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.url = server.URL
	w.Client = sfn.New(sfn.Options{Region: config.Region, BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		APIOptions:  []func(*middleware.Stack) error{withoutHostPrefix}})
	return w
}

// withoutHostPrefix keeps the client from calling TestState at sync-127.0.0.1.
func withoutHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("WithoutHostPrefix",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
}

// begin starts an execution.
func (w *world) begin(t *testing.T, machine, name, input string) string {
	t.Helper()
	out, err := w.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(arns + "stateMachine:" + machine),
		Name:            aws.String(name),
		Input:           aws.String(input),
	})
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(aws.ToTime(out.StartDate)).Abs() > time.Hour {
		t.Errorf("started at %v", out.StartDate)
	}
	return aws.ToString(out.ExecutionArn)
}

// end waits for an execution's end.
func (w *world) end(t *testing.T, arn string) {
	t.Helper()
	if _, err := w.engine.Wait(t.Context(), arn); err != nil {
		t.Fatal(err)
	}
}
