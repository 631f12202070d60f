package journalpebble

import (
	"context"
	"encoding/json"
	"testing"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/local/localstore/localstoretest"
)

// BenchmarkTransition measures one state on the machine's own disk: a Pass
// that assigns, which costs no sync, and a Task, which costs one.
func BenchmarkTransition(b *testing.B) {
	for _, c := range []struct{ name, state string }{
		{
			"pass",
			`"S":{
				"Type":"Pass",
				"Assign":{"n":"{% $states.input.n + 1 %}"},
				"Output":{"n":"{% $states.input.n + 1 %}"},
				"Next":"C"
			}`,
		},
		{
			"task",
			`"S":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"f","Payload":"{% $states.input.n + 1 %}"},
				"Output":{"n":"{% $states.result.Payload %}"},
				"Next":"C"
			}`,
		},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.state) })
	}
}

const loops = 2000

func benchmark(b *testing.B, state string) {
	definition := `{
		"QueryLanguage":"JSONata",
		"StartAt":"S",
		"States":{
			` + state + `,
			"C":{
				"Type":"Choice",
				"Choices":[{"Condition":"{% $states.input.n < 2000 %}","Next":"S"}],
				"Default":"E"
			},
			"E":{"Type":"Succeed"}
		}
	}`
	m, err := asl.Parse([]byte(definition), nil)
	if err != nil {
		b.Fatal(err)
	}
	db := localstoretest.OpenFS(b, nil)
	engine, err := engine.New(engine.Config{
		Machines: map[string]*asl.Machine{"m": m},
		Invoker:  &invoker{calls: map[string]int{}},
		Journal:  New(db.Space("journal")),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(ctx) }()
	for b.Loop() {
		started, err := engine.Start(ctx, "m", "", json.RawMessage(`{"n":0}`))
		if err != nil {
			b.Fatal(err)
		}
		if ended, err := engine.Wait(ctx, started.ExecutionArn); err != nil || ended.Status != states.StatusSucceeded {
			b.Fatal(ended, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(2*loops), "µs/transition")
	cancel()
	if err := <-ran; err != nil {
		b.Fatal(err)
	}
}
