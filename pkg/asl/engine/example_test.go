package engine_test

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/engine"
)

type greeter struct{}

func (greeter) Invoke(_ context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"by":%q,"got":%s}`, function, payload)), nil
}

func Example() {
	machine, err := asl.Parse([]byte(`{
	  "QueryLanguage": "JSONata",
	  "StartAt": "Greet",
	  "States": {"Greet": {
	    "Type": "Task",
	    "Resource": "arn:aws:states:::lambda:invoke",
	    "Arguments": {"FunctionName": "${GreeterArn}", "Payload": {"name": "{% $states.input.name & '!' %}"}},
	    "Output": "{% $states.result.Payload %}",
	    "End": true
	  }}
	}`), map[string]string{"GreeterArn": "greeter"})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := engine.New(engine.Config{
		Machines: map[string]*asl.Machine{"hello": machine},
		Invoker:  greeter{},
		Journal:  &asltest.Memory{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(ctx) }()

	started, err := engine.Start(ctx, "hello", "first", json.RawMessage(`{"name":"World"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ended, err := engine.Wait(ctx, started.ExecutionArn)
	fmt.Println(ended.Status, string(ended.Output), err)
	cancel()
	fmt.Println(<-ran)
	// Output:
	// SUCCEEDED {"by":"greeter","got":{"name":"World!"}} <nil>
	// <nil>
}
