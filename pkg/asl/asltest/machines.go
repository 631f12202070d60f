package asltest

import (
	"fmt"
	"strings"
)

// Machine makes a definition from its states, the first being the start.
func Machine(start string, states string) string {
	return fmt.Sprintf(`{"QueryLanguage":"JSONata","StartAt":%q,"States":{%s}}`, start, states)
}

// Task is a Task state with further fields.
func Task(name, function, fields string) string {
	return fmt.Sprintf(`%q:{
		"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke",
		"Arguments":{"FunctionName":%q,"Payload":"{%% $states.input %%}"},
		"Output":"{%% $states.result.Payload %%}"%s
	}`, name, function, fields)
}

// Inline is an inline Map called M over the input, with further fields, whose
// iterations call echo.
func Inline(fields string) string {
	return `"M":{
		"Type":"Map",
		"Items":"{% $states.input %}",
		` + fields + `"ItemProcessor":{"StartAt":"A","States":{` + Task("A", "echo", `,"End":true`) + `}},
		"End":true
	}`
}

// Distributed is a distributed Map over the input with further fields, whose
// children call a function.
func Distributed(function, fields string) string {
	return Machine("M", `"M":{
		"Type":"Map",
		"Label":"L",
		"Items":"{% $states.input %}",
		`+fields+`"ItemProcessor":{
			"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
			"StartAt":"A",
			"States":{`+Task("A", function, `,"End":true`)+`}
		},
		"End":true
	}`)
}

// Choice decides by the input's n: above 3, 2, or anything else.
func Choice() string {
	return Machine("C", `
		"C":{
			"Type":"Choice",
			"Choices":[
				{"Condition":"{% $states.input.n > 3 %}","Output":"big","Next":"S"},
				{"Condition":"{% $states.input.n = 2 %}","Next":"Two"}
			],
			"Default":"S",
			"Output":"other"
		},
		"S":{"Type":"Succeed"},
		"Two":{"Type":"Pass","Output":"two","End":true}`)
}

// call is a Task whose payload is unique to the attempt.
func call(name, function, payload, fields string) string {
	return fmt.Sprintf(`%q:{
		"Type":"Task",
		"Resource":"arn:aws:states:::lambda:invoke",
		"Arguments":{
			"FunctionName":%q,
			"Payload":{"task":%q,"try":"{%% $states.context.State.RetryCount %%}","in":%q}
		},
		"Output":"{%% $states.result.Payload %%}"%s
	}`, name, function, name, payload, fields)
}

const retryFlaky = `,"Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":3,"MaxAttempts":5,"JitterStrategy":"FULL"}]`

// Mixed uses every kind of state, retries, catches, both kinds of map and a
// token.
func Mixed() string {
	return Machine("First", strings.Join([]string{
		call("First", "flaky", "{% $states.input %}", retryFlaky+`,
			"Assign":{"first":"{% $states.result.Payload %}"},
			"Next":"Each"`),
		`"Each":{
			"Type":"Map",
			"Items":"{% [1..4] %}",
			"MaxConcurrency":2,
			"ItemProcessor":{
				"StartAt":"Item",
				"States":{
					` + call("Item", "flaky", "{% $states.input %}", retryFlaky+`,"Next":"Rest"`) + `,
					"Rest":{"Type":"Wait","Seconds":2,"End":true}
				}
			},
			"Next":"Both"
		}`,
		`"Both":{
			"Type":"Parallel",
			"Arguments":{"each":"{% $states.input.in %}"},
			"Branches":[
				{
					"StartAt":"Left",
					"States":{` + call("Left", "double", "{% $count($states.input.each) %}", `,"End":true`) + `}
				},
				{
					"StartAt":"Nap",
					"States":{
						"Nap":{"Type":"Wait","Seconds":5,"Next":"Deep"},
						"Deep":{
							"Type":"Parallel",
							"Branches":[
								{"StartAt":"Right","States":{` + call("Right", "double", "right", `,"End":true`) + `}}
							],
							"End":true
						}
					}
				}
			],
			"Assign":{"both":"{% $states.result %}"},
			"Next":"Ask"
		}`,
		`"Ask":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"Arguments":{
				"FunctionName":"ask",
				"Payload":{"task":"Ask","token":"{% $states.context.Task.Token %}"}
			},
			"TimeoutSeconds":600,
			"HeartbeatSeconds":300,
			"Assign":{"answer":"{% $states.result %}"},
			"Next":"Many"
		}`,
		`"Many":{
			"Type":"Map",
			"Items":"{% [1..7] %}",
			"MaxConcurrency":2,
			"ToleratedFailureCount":2,
			"Label":"many",
			"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"f":"{% $first %}"}},
			"ItemProcessor":{
				"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
				"StartAt":"Batch",
				"States":{
					` + call("Batch", "flaky", "{% $states.input.Items %}", retryFlaky+`,"Next":"Seven"`) + `,
					"Seven":{
						"Type":"Choice",
						"Choices":[{"Condition":"{% 7 in $states.input.in %}","Next":"Unlucky"}],
						"Default":"Fine"
					},
					"Unlucky":{"Type":"Fail","Error":"Unlucky"},
					"Fine":{"Type":"Succeed"}
				}
			},
			"Assign":{"many":"{% $states.result %}"},
			"Next":"Race"
		}`,
		`"Race":{
			"Type":"Parallel",
			"Branches":[
				{"StartAt":"Loser","States":{"Loser":{"Type":"Wait","Seconds":50,"End":true}}},
				{
					"StartAt":"Runs",
					"States":{
						"Runs":{
							"Type":"Map",
							"Items":"{% [1..3] %}",
							"Label":"runs",
							"ItemProcessor":{
								"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
								"StartAt":"Idle",
								"States":{"Idle":{"Type":"Wait","Seconds":60,"End":true}}
							},
							"End":true
						}
					}
				},
				{
					"StartAt":"Winner",
					"States":{
						` + call("Winner", "boom", "w", `,
						"Retry":[{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":1}],
						"End":true`) + `
					}
				}
			],
			"Catch":[
				{"ErrorEquals":["Boom"],"Assign":{"lost":"{% $states.errorOutput.Error %}"},"Next":"End"}
			],
			"End":true
		}`,
		`"End":{
			"Type":"Pass",
			"Output":{
				"first":"{% $first %}",
				"both":"{% $both %}",
				"answer":"{% $answer %}",
				"many":"{% [$many.in] %}",
				"lost":"{% $lost %}"
			},
			"End":true
		}`,
	}, ","))
}

// MixedOutput is what Mixed gives for the input "x", where flaky fails each
// attempt but the third, double echoes, ask answers {"ok":true} and boom fails.
const MixedOutput = `{"first":{"task":"First","try":2,"in":"x"},` +
	`"both":[{"task":"Left","try":0,"in":4},[{"task":"Right","try":0,"in":"right"}]],` +
	`"answer":{"ok":true},` +
	`"many":[1,2,3,4,5,6],` +
	`"lost":"Boom"}`
