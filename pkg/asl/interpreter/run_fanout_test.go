package interpreter_test

import (
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/states"
)

// fanOutRuns have a Parallel or a Map.
var fanOutRuns = []run{
	{
		name: "parallel",
		definition: asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Arguments":{"n":"{% $states.input + 1 %}"},
			"Branches":[
				{"StartAt":"A","States":{`+asltest.Task("A", "echo", `,"End":true`)+`}},
				{"StartAt":"B","States":{"B":{"Type":"Pass","Output":"{% $states.input.n * 2 %}","End":true}}}
			],
			"End":true
		}`),
		input:  `1`,
		output: `[{"n":2},4]`,
	},
	{
		name: "parallel fails with its branch's error",
		definition: asltest.Machine("P", `
			"P":{
				"Type":"Parallel",
				"Branches":[
					{"StartAt":"A","States":{`+asltest.Task("A", "slow", `,"End":true`)+`}},
					{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"Mine"}}}
				],
				"Catch":[{"ErrorEquals":["Mine"],"Output":"caught","Next":"S"}],
				"End":true
			},
			"S":{"Type":"Succeed"}`),
		output: `"caught"`,
	},
	{
		name: "inner states read outer variables",
		definition: asltest.Machine("V", `
			"V":{"Type":"Pass","Assign":{"x":5},"Next":"P"},
			"P":{
				"Type":"Parallel",
				"Branches":[
					{
						"StartAt":"A",
						"States":{
							"A":{"Type":"Pass","Assign":{"y":"{% $x + 1 %}"},"Next":"B"},
							"B":{"Type":"Pass","Output":"{% $x + $y %}","End":true}
						}
					}
				],
				"End":true
			}`),
		output: `[11]`,
	},
	{
		name: "inline map",
		definition: asltest.Machine("M", asltest.Inline(`
			"ItemSelector":{
				"i":"{% $states.context.Map.Item.Index %}",
				"v":"{% $states.context.Map.Item.Value %}",
				"s":"{% $states.context.Map.Item.Source %}"
			},
			`)),
		input:  `["a","b"]`,
		output: `[{"i":0,"v":"a","s":"STATE_DATA"},{"i":1,"v":"b","s":"STATE_DATA"}]`,
	},
	{name: "inline map of nothing", definition: asltest.Machine("M", asltest.Inline("")), input: `[]`, output: `[]`},
	{
		name:       "items is no list",
		definition: asltest.Machine("M", asltest.Inline("")),
		input:      `{"a":1}`,
		error:      states.ErrorQueryEvaluation,
		cause:      "not a list",
	},
	{
		name: "map item seen inside",
		definition: asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":"{% $states.input %}",
			"ItemProcessor":{
				"StartAt":"A",
				"States":{
					"A":{
						"Type":"Pass",
						"Output":"{% $string($states.context.Map.Item.Index) & $states.context.Map.Item.Value %}",
						"End":true
					}
				}
			},
			"End":true
		}`),
		input:  `["x"]`,
		output: `["0x"]`,
	},
	{
		name: "nested maps",
		definition: asltest.Machine("M", `"M":{
			"Type":"Map",
			"Items":"{% $states.input %}",
			"ItemProcessor":{
				"StartAt":"N",
				"States":{
					"N":{
						"Type":"Map",
						"Items":"{% $states.input %}",
						"ItemProcessor":{
							"StartAt":"A",
							"States":{"A":{"Type":"Pass","Output":"{% $states.input * 10 %}","End":true}}
						},
						"End":true
					}
				}
			},
			"End":true
		}`),
		input:  `[[1,2],[3]]`,
		output: `[[10,20],[30]]`,
	},
	{
		name:       "item selector fails",
		definition: asltest.Machine("M", asltest.Inline(`"ItemSelector":"{% $states.context.Map.Item.Value.x %}",`)),
		input:      `[{"x":1},{}]`,
		error:      states.ErrorQueryEvaluation,
		cause:      "undefined",
	},
	{
		name: "parallel and map assign and have output",
		definition: asltest.Machine("P", `
			"P":{
				"Type":"Parallel",
				"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Output":7,"End":true}}}],
				"Assign":{"p":"{% $states.result[0] %}"},
				"Output":"{% $states.result %}",
				"Next":"M"
			},
			"M":{
				"Type":"Map",
				"Items":"{% $states.input %}",
				"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}},
				"Assign":{"m":"{% $states.result[0] + 1 %}"},
				"Output":"{% [$states.result, 9] %}",
				"Next":"W"
			},
			"W":{"Type":"Wait","Seconds":1,"Assign":{"w":3},"Output":"{% $states.input[1] %}","Next":"S"},
			"S":{"Type":"Succeed","Output":["{% $p %}","{% $m %}","{% $w %}","{% $states.input %}"]}`),
		output: `[7,8,3,9]`,
	},
	{
		name: "arguments of a parallel too large",
		definition: asltest.Machine("P", `"P":{
			"Type":"Parallel",
			"Arguments":"{% [0..200000] %}",
			"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],
			"End":true
		}`),
		error: states.ErrorDataLimit,
		cause: "arguments",
	},
	{
		name:       "input of an iteration too large",
		definition: asltest.Machine("M", asltest.Inline(`"ItemSelector":"{% [0..200000] %}",`)),
		input:      `[1]`,
		error:      states.ErrorDataLimit,
		cause:      "input of an iteration",
	},
	{
		name:       "items of a distributed map are no list",
		definition: asltest.Distributed("echo", ""),
		input:      `{"a":1}`,
		error:      states.ErrorQueryEvaluation,
		cause:      "not a list",
	},
	{
		name:       "item selector of a distributed map fails",
		definition: asltest.Distributed("echo", `"ItemSelector":"{% $states.context.Map.Item.Value.x %}",`),
		input:      `[{}]`,
		error:      states.ErrorQueryEvaluation,
		cause:      "undefined",
	},
}
