package asl_test

import (
	"strings"

	"reprise/pkg/asl/asltest"
)

// refusedTasks have faults of a Task, a retrier or a catcher.
var refusedTasks = []refusal{
	{
		"Resource",
		asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:lambda:us-east-1:1:function:f",
			"Arguments":{"FunctionName":"f"},
			"End":true
		}`),
		`field Resource: "arn:aws:lambda`,
	},
	{
		"sync resource",
		asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::sqs:sendMessage",
			"Arguments":{"FunctionName":"f"},
			"End":true
		}`),
		`is not supported: use`,
	},
	{
		"no Arguments",
		asltest.Machine("T", `"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`),
		`field Arguments: must be an object`,
	},
	{
		"InvocationType",
		asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"f","InvocationType":"Event"},
			"End":true
		}`),
		`field Arguments.InvocationType: is not supported`,
	},
	{
		"unknown argument",
		asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"f","Foo":1},
			"End":true
		}`),
		`field Arguments.Foo`,
	},
	{
		"no FunctionName",
		asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"Payload":1},
			"End":true
		}`),
		`field Arguments.FunctionName`,
	},
	{"Credentials", taskWith(`,"Credentials":{}`), `field Credentials: is not supported`},
	{"TimeoutSeconds", taskWith(`,"TimeoutSeconds":0`), `field TimeoutSeconds: must be a number from 1`},
	{"TimeoutSeconds as text", taskWith(`,"TimeoutSeconds":"5"`), `field TimeoutSeconds`},
	{"HeartbeatSeconds without token", taskWith(`,"HeartbeatSeconds":5`), `.waitForTaskToken only`},
	{
		"HeartbeatSeconds not less",
		strings.Replace(
			taskWith(`,"TimeoutSeconds":5,"HeartbeatSeconds":5`),
			"lambda:invoke", "lambda:invoke.waitForTaskToken", 1,
		),
		`must be less than TimeoutSeconds`,
	},
	{"Retry empty", taskWith(`,"Retry":[]`), `field Retry: must be a list`},
	{"Retry no errors", taskWith(`,"Retry":[{}]`), `field Retry[0].ErrorEquals: must be a list`},
	{"Retry errors not text", taskWith(`,"Retry":[{"ErrorEquals":[1]}]`), `must hold strings only`},
	{"Retry backoff", taskWith(`,"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]`), `field Retry[0].BackoffRate`},
	{
		"Retry expression",
		taskWith(`,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":"{% 1 %}"}]`),
		`field Retry[0].MaxAttempts`,
	},
	{
		"Retry jitter",
		taskWith(`,"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"SOME"}]`),
		`field Retry[0].JitterStrategy`,
	},
	{
		"Retry max delay",
		taskWith(`,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}]`),
		`greater than IntervalSeconds`,
	},
	{"Retry unknown field", taskWith(`,"Retry":[{"ErrorEquals":["E"],"Foo":1}]`), `field Retry[0].Foo`},
	{"States.ALL not alone", taskWith(`,"Retry":[{"ErrorEquals":["States.ALL","E"]}]`), `alone and last`},
	{
		"States.ALL not last",
		taskWith(`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"},{"ErrorEquals":["E"],"Next":"T"}]`),
		`field Catch[0].ErrorEquals: States.ALL must stand alone and last`,
	},
	{"unknown States. name", taskWith(`,"Retry":[{"ErrorEquals":["States.Foo"]}]`), `not an error name of the service`},
	{"States.Runtime", taskWith(`,"Retry":[{"ErrorEquals":["States.Runtime"]}]`), `cannot reliably be caught`},
	{"Catch without Next", taskWith(`,"Catch":[{"ErrorEquals":["E"]}]`), `field Catch[0].Next: is missing`},
	{"retrier is no object", taskWith(`,"Retry":[1]`), `field Retry[0]: must be an object`},
}

// refusedFlows have faults of a Parallel, a Choice or a Wait.
var refusedFlows = []refusal{
	{
		"name twice, nested",
		asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}],
			"End":true
		}`),
		`state "P": the name appears twice`,
	},
	{
		"Next into a branch",
		asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
			"Next":"A"
		}`),
		`names a state that does not exist here: "A"`,
	},
	{
		"Parallel without Branches",
		asltest.Machine("P", `"P":{"Type":"Parallel","End":true}`),
		`field Branches: is missing`,
	},
	{
		"branch with Comment only",
		asltest.Machine("P", `"P":{"Type":"Parallel","Branches":[{"Comment":"x"}],"End":true}`),
		`field Branches[0].StartAt: is missing`,
	},
	{
		"branch with TimeoutSeconds",
		asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[{"StartAt":"A","TimeoutSeconds":1,"States":{"A":{"Type":"Succeed"}}}],
			"End":true
		}`),
		`field Branches[0].TimeoutSeconds: is unknown`,
	},
	{
		"Choice without Choices",
		asltest.Machine("C", `"C":{"Type":"Choice","Default":"S"},"S":{"Type":"Succeed"}`),
		`field Choices: is missing`,
	},
	{
		"Choice with Next",
		asltest.Machine("C", `
			"C":{"Type":"Choice","Choices":[{"Condition":true,"Next":"S"}],"Next":"S"},
			"S":{"Type":"Succeed"}`),
		`field Next: is unknown here`,
	},
	{
		"Choice condition as text",
		asltest.Machine("C", `"C":{"Type":"Choice","Choices":[{"Condition":"true","Next":"S"}]},"S":{"Type":"Succeed"}`),
		`field Choices[0].Condition: must be an expression`,
	},
	{
		"JSONPath comparison",
		asltest.Machine("C", `
			"C":{"Type":"Choice","Choices":[{"Variable":"$.x","NumericEquals":1,"Next":"S"}]},
			"S":{"Type":"Succeed"}`),
		`field Choices[0].Variable: belongs to JSONPath`,
	},
	{"Wait without", asltest.Machine("W", `"W":{"Type":"Wait","End":true}`), `either Seconds or Timestamp`},
	{
		"Wait with both",
		asltest.Machine("W", `"W":{"Type":"Wait","Seconds":1,"Timestamp":"2020-01-01T00:00:00Z","End":true}`),
		`either Seconds or Timestamp`,
	},
	{"Wait timestamp", asltest.Machine("W", `"W":{"Type":"Wait","Timestamp":"tomorrow","End":true}`), `RFC 3339`},
	{
		"SecondsPath",
		asltest.Machine("W", `"W":{"Type":"Wait","SecondsPath":"$.x","End":true}`),
		`field SecondsPath: belongs to JSONPath`,
	},
	{
		"JSONPath in a branch",
		asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Branches":[{"QueryLanguage":"JSONPath","StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
			"End":true
		}`),
		`field Branches[0].QueryLanguage: must be "JSONata"`,
	},
}

// refusedMaps have faults of a Map.
var refusedMaps = []refusal{
	{
		"Map without Items",
		asltest.Machine("M", `"M":{
			"Type":"Map",
			"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
			"End":true
		}`),
		`field Items: must be a list`,
	},
	{
		"Map over an object",
		asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":{"a":1},
			"ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},
			"End":true
		}`),
		`field Items: must be a list`,
	},
	{
		"Map without processor",
		asltest.Machine("M", `"M":{"Type":"Map","Items":[1],"End":true}`),
		`field ItemProcessor: is missing`,
	},
	{
		"Iterator",
		asltest.Machine("M", `"M":{"Type":"Map","Items":[1],"Iterator":{},"End":true}`),
		`field Iterator: belongs to JSONPath`,
	},
	{"ItemReader", dist(`"ItemReader":{},`, distributedMode), `field ItemReader: is not supported`},
	{"ResultWriter", dist(`"ResultWriter":{},`, distributedMode), `field ResultWriter: is not supported`},
	{
		"EXPRESS children",
		dist("", `{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}`),
		`express child executions are not supported`,
	},
	{"no ExecutionType", dist("", `{"Mode":"DISTRIBUTED"}`), `ProcessorConfig.ExecutionType: must be`},
	{"mode", dist("", `{"Mode":"FAST"}`), `ProcessorConfig.Mode: must be`},
	{
		"inline with ExecutionType",
		dist("", `{"Mode":"INLINE","ExecutionType":"STANDARD"}`),
		`belongs to Mode DISTRIBUTED`,
	},
	{"inline with Label", dist(`"Label":"x",`, `{"Mode":"INLINE"}`), `field Label: belongs to a DISTRIBUTED Map`},
	{"inline with threshold", dist(`"ToleratedFailureCount":1,`, `{}`), `field ToleratedFailureCount: belongs to`},
	{"label", dist(`"Label":"a b",`, distributedMode), `field Label: must have at most 40`},
	{"percentage", dist(`"ToleratedFailurePercentage":101,`, distributedMode), `field ToleratedFailurePercentage`},
	{"batcher", dist(`"ItemBatcher":{},`, distributedMode), `MaxItemsPerBatch, MaxInputBytesPerBatch or both`},
	{
		"batch bytes",
		dist(`"ItemBatcher":{"MaxInputBytesPerBatch":262145},`, distributedMode),
		`MaxInputBytesPerBatch: must be a number`,
	},
	{
		"label twice",
		asltest.Machine("A", `
			"A":{
				"Type":"Map",
				"Label":"L",
				"Items":[1],
				"ItemProcessor":{
					"ProcessorConfig":`+distributedMode+`,
					"StartAt":"C",
					"States":{"C":{"Type":"Succeed"}}
				},
				"Next":"B"
			},
			"B":{
				"Type":"Map",
				"Label":"L",
				"Items":[1],
				"ItemProcessor":{
					"ProcessorConfig":`+distributedMode+`,
					"StartAt":"D",
					"States":{"D":{"Type":"Succeed"}}
				},
				"End":true
			}`),
		`state "B", field Label: appears twice`,
	},
	{"batcher is no object", dist(`"ItemBatcher":1,`, distributedMode), `field ItemBatcher: must be an object`},
}
