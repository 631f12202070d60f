package interpreter_test

import (
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// taskRuns have a Task, whose error may be caught.
var taskRuns = []run{
	{
		name:       "task",
		definition: asltest.Machine("T", asltest.Task("T", "echo", `,"End":true`)),
		input:      `{"a":[1,2]}`,
		output:     `{"a":[1,2]}`,
	},
	{
		name: "task result without Output",
		definition: asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"nil"},
			"End":true
		}`),
		output: `{"ExecutedVersion":"$LATEST","Payload":null,"StatusCode":200}`,
	},
	{
		name:       "function error",
		definition: asltest.Machine("T", asltest.Task("T", "boom", `,"End":true`)),
		input:      `1`,
		error:      "Boom",
		cause:      `{"errorMessage":"1","errorType":"Boom"}`,
	},
	{
		name:       "other error",
		definition: asltest.Machine("T", asltest.Task("T", "crash", `,"End":true`)),
		error:      states.ErrorLambdaUnknown,
		cause:      "connection reset",
	},
	{
		name:       "result is not JSON",
		definition: asltest.Machine("T", asltest.Task("T", "junk", `,"End":true`)),
		error:      states.ErrorLambdaUnknown,
		cause:      "not JSON",
	},
	{
		name: "result too large",
		definition: asltest.Machine("T", asltest.Task("T", "big", `,
				"Catch":[{"ErrorEquals":["States.ALL"],"Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed"`)),
		error: states.ErrorDataLimit,
		cause: "service limit",
	},
	{
		name: "arguments too large",
		definition: asltest.Machine("P", `"P":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"echo","Payload":"{% [0..200000] %}"},
			"End":true
		}`),
		error: states.ErrorDataLimit,
		cause: "arguments",
	},
	{
		name: "catch",
		definition: asltest.Machine("T", asltest.Task("T", "boom", `,
				"Catch":[{"ErrorEquals":["Other"],"Next":"S"},{"ErrorEquals":["Boom"],"Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed"`)),
		input:  `1`,
		output: `{"Error":"Boom","Cause":"{\"errorMessage\":\"1\",\"errorType\":\"Boom\"}"}`,
	},
	{
		name: "catch with output and assign",
		definition: asltest.Machine("T", asltest.Task("T", "boom", `,
					"Catch":[
						{
							"ErrorEquals":["States.ALL"],
							"Output":{"e":"{% $states.errorOutput.Error %}"},
							"Assign":{"in":"{% $states.input %}"},
							"Next":"S"
						}
					],
					"End":true
				},
				"S":{"Type":"Succeed","Output":["{% $states.input.e %}","{% $in %}"]`)),
		input:  `7`,
		output: `["Boom",7]`,
	},
	{
		name: "catch evaluation of arguments",
		definition: asltest.Machine("T", `
			"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"{% $states.input.f %}"},
				"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Output":"caught","Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed"}`),
		output: `"caught"`,
	},
	{
		name: "function name is no text",
		definition: asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke",
			"Arguments":{"FunctionName":"{% 1 %}"},
			"End":true
		}`),
		error: states.ErrorQueryEvaluation,
		cause: "not a function name",
	},
	{
		name: "heartbeat is not less than timeout",
		definition: asltest.Machine("T", `"T":{
			"Type":"Task",
			"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
			"Arguments":{"FunctionName":"nil"},
			"TimeoutSeconds":"{% 5 %}",
			"HeartbeatSeconds":"{% 5 %}",
			"End":true
		}`),
		error: states.ErrorQueryEvaluation,
		cause: "not less than TimeoutSeconds",
	},
	{
		name: "output fails after the task",
		definition: asltest.Machine("T", `
			"T":{
				"Type":"Task",
				"Resource":"arn:aws:states:::lambda:invoke",
				"Arguments":{"FunctionName":"nil"},
				"Output":"{% $states.result.none %}",
				"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Output":"caught","Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed"}`),
		output: `"caught"`,
	},
}
