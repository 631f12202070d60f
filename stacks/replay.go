package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"reprise/workflows"
)

// replay adds the playback stream, the steps, the state machine, and close-replay.
func (d *deployment) replay(stack awscdk.Stack) {
	may := d.access(stack)
	// The stream may go with the stack: its records come from the log.
	d.stream(stack, "playback-stream", d.playbackStream(), d.PlaybackShards, d.PlaybackRetentionHours).
		ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	playback := d.newFunction(stack, functionSpec{folder: "apply-playback", memory: 1024, timeout: 300,
		statements: with(may.start(), may.control(getItems, query), may.change(replayRows, replayKeys), may.events(query),
			may.state(getItem, getItems, putItem), may.consume(d.playbackStream()))})
	d.mapStream(stack, playback, "apply-playback", d.playbackStream(), d.Parallelization)

	// The definition names published versions. An execution keeps the definition
	// that it began with, so that later steps run the code that planned it even
	// after a deploy; its role may call any version.
	substitutions := make(map[string]*string)
	var functions []*string
	for _, step := range d.steps(may) {
		f := d.newFunction(stack, step.functionSpec)
		substitutions[step.placeholder] = f.CurrentVersion().FunctionArn()
		name := d.Config.function(step.folder)
		functions = append(functions, functionARN(stack, name), functionARN(stack, name+":*"))
	}
	d.machine(stack, substitutions, functions)
	d.closeReplays(stack, may)
}

// step is a function of the state machine and its placeholder there.
type step struct {
	placeholder string
	functionSpec
}

func (d *deployment) steps(may access) []step {
	return []step{
		{"PlanReplayArn", functionSpec{folder: "plan-replay", memory: 1024, timeout: 280,
			env: map[string]*string{envReaders: jsii.String(strconv.Itoa(d.Readers))},
			statements: with(may.start(), may.control(getItems, query), may.change(generationsKey, replayRows, replayKeys),
				may.state(getItem, getItems), may.createState())}},
		{"ReadSegmentArn", functionSpec{folder: "read-segment", memory: 1769, timeout: 880,
			statements: with(may.start(), may.control(getItems, query), may.change(replayRows, replayKeys),
				may.events(query), may.put(d.playbackStream()))}},
		{"CheckDrainedArn", functionSpec{folder: "check-drained", memory: 256, timeout: 110,
			statements: with(may.start(), may.control(getItems), may.change(replayRows, replayKeys), may.state(getItem))}},
		{"ProveCompletenessArn", functionSpec{folder: "prove-completeness", memory: 1024, timeout: 880,
			statements: with(may.start(), may.control(getItems, query), may.change(replayRows, replayKeys),
				may.state(getItem, query), may.events(query))}},
		{"FollowStreamArn", functionSpec{folder: "follow-stream", memory: 256, timeout: 280,
			statements: with(may.start(), may.control(getItems), may.change(generationsKey, replayKeys),
				may.state(getItem, putItem), may.wakeKeeper())}},
		{"PromoteGenerationArn", functionSpec{folder: "promote-generation", memory: 256, timeout: 280,
			statements: with(may.start(), may.control(getItems), may.change(generationsKey, replayRows, replayKeys),
				may.state(getItem, getItems, query))}},
		{"ReportReplayArn", functionSpec{folder: "report-replay", memory: 256, timeout: 280,
			// The machine refers to the function, so the function gets its ARN by name.
			env: map[string]*string{envStateMachine: machineARN(may.stack, d.stateMachine())},
			statements: with(may.start(), may.control(getItems, query), may.change(generationsKey, replayRows, replayKeys),
				may.forget(), may.state(getItem), may.dropState(), may.wakeKeeper(), may.countTransitions())}},
	}
}

// machine adds the state machine. Its name is fixed, because its role names its own
// executions: a Distributed Map starts children.
func (d *deployment) machine(stack awscdk.Stack, substitutions map[string]*string, functions []*string) {
	logs := awslogs.NewLogGroup(stack, jsii.String("replay-logs"), &awslogs.LogGroupProps{
		// Log groups with this prefix need no entry in the resource policy of
		// CloudWatch Logs, whose size is limited.
		LogGroupName: jsii.String("/aws/vendedlogs/states/" + d.stateMachine()), Retention: retention(d.LogDays),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	role := awsiam.NewRole(stack, jsii.String("replay-role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), nil)})
	for _, statement := range []awsiam.PolicyStatement{
		allow(actions("lambda:InvokeFunction"), functions...),
		allow(actions("states:StartExecution"), machineARN(stack, d.stateMachine())),
		allow(actions("states:DescribeExecution", "states:StopExecution"), executionARN(stack, d.stateMachine())),
		// These take no resource (developer guides, "Logging" and "X-Ray").
		allow(actions("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
			"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
			everything()),
		allow(actions("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
			"xray:GetSamplingTargets"), everything()),
	} {
		role.AddToPolicy(statement)
	}
	machine := awsstepfunctions.NewCfnStateMachine(stack, jsii.String("replay"), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName:        jsii.String(d.stateMachine()),
		StateMachineType:        jsii.String("STANDARD"),
		RoleArn:                 role.RoleArn(),
		DefinitionString:        jsii.String(workflows.Replay()),
		DefinitionSubstitutions: substitutions,
		TracingConfiguration:    &awsstepfunctions.CfnStateMachine_TracingConfigurationProperty{Enabled: jsii.Bool(true)},
		LoggingConfiguration:    loggingTo(logs),
	})
	machine.Node().AddDependency(role)
	awscdk.NewCfnOutput(stack, jsii.String("machine"), &awscdk.CfnOutputProps{
		Value: machine.Ref(), Description: jsii.String("The replay state machine: start a replay here")})
}

func loggingTo(logs awslogs.LogGroup) *awsstepfunctions.CfnStateMachine_LoggingConfigurationProperty {
	return &awsstepfunctions.CfnStateMachine_LoggingConfigurationProperty{
		Level:                jsii.String("ALL"),
		IncludeExecutionData: jsii.Bool(false),
		Destinations: []any{&awsstepfunctions.CfnStateMachine_LogDestinationProperty{
			CloudWatchLogsLogGroup: &awsstepfunctions.CfnStateMachine_CloudWatchLogsLogGroupProperty{
				LogGroupArn: logs.LogGroupArn(),
			},
		}},
	}
}

// closeReplays adds close-replay, which runs for executions that ended without their
// last step, such as by a stop in the console.
func (d *deployment) closeReplays(stack awscdk.Stack, may access) {
	f := d.newFunction(stack, functionSpec{folder: "close-replay", memory: 256, timeout: 280,
		env: map[string]*string{envStateMachine: machineARN(stack, d.stateMachine())},
		statements: with(may.start(), may.control(query), may.change(generationsKey, replayRows, replayKeys), may.forget(),
			may.state(getItem), may.dropState(), may.wakeKeeper())})
	awsevents.NewRule(stack, jsii.String("ended-executions"), &awsevents.RuleProps{
		Description: jsii.String("Executions of the replay state machine that were aborted, failed or timed out"),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings("aws.states"), DetailType: jsii.Strings("Step Functions Execution Status Change"),
			Detail: &map[string]any{
				"status":          []string{"ABORTED", "FAILED", "TIMED_OUT"},
				"stateMachineArn": []*string{machineARN(stack, d.stateMachine())},
			}},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(f, nil)},
	})
	d.retryAsync(stack, f, "close-replay")
}
