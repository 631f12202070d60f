package stepfunctions_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/integration/engines"
	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/asl/wire"
	"reprise/pkg/aws/stepfunctions"
)

const (
	region, account = "eu-west-1", "123456789012"

	// each runs a child execution for each item of its input, then a last
	// state.
	each = `{
		"QueryLanguage":"JSONata",
		"StartAt":"Each",
		"States":{
			"Each":{
				"Type":"Map",
				"Label":"Each",
				"Items":"{% $states.input.items %}",
				"ItemProcessor":{
					"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
					"StartAt":"One",
					"States":{"One":{"Type":"Pass","End":true}}
				},
				"Next":"Then"
			},
			"Then":{"Type":"Pass","End":true}
		}
	}`
	// parked waits for its token.
	parked = `{"QueryLanguage":"JSONata","StartAt":"Park","States":{"Park":{"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
		"Arguments":{"FunctionName":"park","Payload":{"token":"{% $states.context.Task.Token %}"}},"End":true}}}`
	// held runs three children that wait for their tokens, one at a time.
	held = `{"QueryLanguage":"JSONata","StartAt":"Each","States":{"Each":{"Type":"Map","Label":"Each","Items":[1,2,3],
		"MaxConcurrency":1,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
		"StartAt":"Park","States":{"Park":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
		"Arguments":{"FunctionName":"park","Payload":{"token":"{% $states.context.Task.Token %}"}},
		"End":true}}},"End":true}}}`
)

// tokens passes on the tokens that its function gets.
type tokens chan string

func (t tokens) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	var in struct{ Token string }
	err := json.Unmarshal(payload, &in)
	t <- in.Token
	return payload, err
}

// invoker calls functions by name. park passes on its token.
type invoker struct {
	tokens tokens
	// failures is how often flaky still fails.
	failures atomic.Int32
	// report is called by the function of that name.
	report func(context.Context) error
}

func (i *invoker) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	switch function {
	case "flaky":
		if i.failures.Add(-1) >= 0 {
			return nil, &states.FunctionError{Type: "Flaky", Message: "once more"}
		}
		return payload, nil
	case "report":
		return payload, i.report(ctx)
	}
	return i.tokens.Invoke(ctx, function, payload)
}

// world is a runner behind the API of Step Functions.
type world struct {
	engine *engine.Engine
	client *sfn.Client
	tokens tokens
	invoke *invoker
}

func (w *world) machine(name string) *stepfunctions.Machine {
	return stepfunctions.New(w.client, "arn:aws:states:"+region+":"+account+":stateMachine:"+name)
}

// wait waits for the end of an execution.
func (w *world) wait(t *testing.T, m *stepfunctions.Machine, name string) states.Execution {
	t.Helper()
	if _, err := w.engine.Wait(t.Context(), m.ExecutionARN(name)); err != nil {
		t.Fatal(err)
	}
	execution, err := m.Describe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return execution
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{tokens: make(tokens, 1)}
	w.invoke = &invoker{tokens: w.tokens}
	machines := make(map[string]*asl.Machine)
	config := wire.Config{Region: region, Account: account}
	for name, definition := range map[string]string{"each": each, "parked": parked, "held": held, "counted": counted} {
		machine, err := asl.Parse([]byte(definition), nil)
		if err != nil {
			t.Fatal(err)
		}
		machines[name] = machine
		config.Machines = append(config.Machines, wire.Machine{Name: name, Definition: definition})
	}
	engine, err := engine.New(engine.Config{Machines: machines, Invoker: w.invoke, Journal: &asltest.Memory{},
		Region: region, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	config.Engine, w.engine = engine, engine
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	server := httptest.NewServer(wire.New(config))
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.client = sfn.New(sfn.Options{Region: region, BaseEndpoint: &server.URL, Retryer: engines.Pace().Retryer()(),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	return w
}
