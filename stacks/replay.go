package stacks

import (
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
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
		env: map[string]*string{envSystems: jsii.String(d.Systems)},
		statements: with(may.start(), may.control(getItems, query), may.change(replayRows, replayKeys), may.events(query),
			may.state(getItem, getItems, putItem), may.compareEffects(), may.consume(d.playbackStream()))})
	d.mapStream(stack, playback, "apply-playback", d.playbackStream(), d.Parallelization)

	// The definition names published versions. An execution keeps the definition
	// that it began with, so that later steps run the code that planned it even
	// after a deploy; its role may call any version.
	replay := machineSpec{id: "replay", name: d.stateMachine(), definition: workflows.Replay(), steps: d.steps(may),
		means: "The replay state machine: start a replay here",
		// A Distributed Map starts children.
		statements: []awsiam.PolicyStatement{
			allow(actions("states:StartExecution"), machineARN(stack, d.stateMachine())),
			allow(actions("states:DescribeExecution", "states:StopExecution"), executionARN(stack, d.stateMachine())),
		}}
	d.machine(stack, replay)
	d.machine(stack, machineSpec{id: "control", name: d.controlMachine(), definition: workflows.Control(),
		steps: d.controlSteps(may),
		means: "The control state machine: steer a replay here"})
	d.verification(stack, may)
	d.closeReplays(stack, may)
}

// verification adds the state machine of verifications and its schedule.
func (d *deployment) verification(stack awscdk.Stack, may access) {
	d.machine(stack, machineSpec{id: "verify", name: d.verifyMachine(), definition: workflows.Verify(),
		steps: d.verifySteps(may), means: "The verification state machine: start a verification here",
		// A Distributed Map starts children.
		statements: []awsiam.PolicyStatement{
			allow(actions("states:StartExecution"), machineARN(stack, d.verifyMachine())),
			allow(actions("states:DescribeExecution", "states:StopExecution"), executionARN(stack, d.verifyMachine())),
		}})
	queue := queueARN(stack, d.failedCalls())
	role := awsiam.NewRole(stack, jsii.String("verify-schedule-role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), nil)})
	role.AddToPolicy(allow(actions("states:StartExecution"), machineARN(stack, d.verifyMachine())))
	role.AddToPolicy(allow(actions("sqs:SendMessage"), queue))
	schedule := awsscheduler.NewCfnSchedule(stack, jsii.String("verify-schedule"), &awsscheduler.CfnScheduleProps{
		Name: jsii.String(d.verifyMachine()),
		Description: jsii.String(
			"Verifies the active generation and the log. A night that overlaps is skipped"),
		ScheduleExpression:         jsii.String(d.VerifySchedule),
		ScheduleExpressionTimezone: jsii.String(d.VerifyTimezone),
		State:                      jsii.String(map[bool]string{true: "ENABLED", false: "DISABLED"}[d.Verify]),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{
			Mode: jsii.String("FLEXIBLE"), MaximumWindowInMinutes: jsii.Number(verifyWindow)},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			// A templated target: the scheduler starts an execution with a name of its own.
			Arn: machineARN(stack, d.verifyMachine()), RoleArn: role.RoleArn(), Input: jsii.String(d.verifyInput()),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts: jsii.Number(20), MaximumEventAgeInSeconds: jsii.Number(3600)},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: queue},
		},
	})
	schedule.Node().AddDependency(role)
}

// verifyInput is what the schedule verifies: the active generation, within the budget.
func (c Config) verifyInput() string {
	var members []string
	if c.VerifyDepth != "fold" {
		members = append(members, `"depth":"`+c.VerifyDepth+`"`)
	}
	if dollars, paid := strings.CutSuffix(c.VerifyBudget, "usd"); paid {
		members = append(members, `"budget":{"dollars":`+dollars+`}`)
	}
	if units, reads := strings.CutSuffix(c.VerifyBudget, "ru"); reads {
		members = append(members, `"budget":{"readUnits":`+units+`}`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// verifyWindow is in how many minutes after its time a verification begins, so that many
// deployments do not begin at once.
const verifyWindow = 15

func (d *deployment) verifySteps(may access) []step {
	changes := may.change(verifyRows, verifyTurns, verifyKeys)
	return []step{
		{"PlanVerificationArn", functionSpec{folder: "plan-verification", memory: 256, timeout: 280,
			env: map[string]*string{envReaders: jsii.String(strconv.Itoa(d.Readers)),
				envFullEvery:    jsii.String(strconv.Itoa(d.VerifyFullEvery)),
				envStateMachine: machineARN(may.stack, d.stateMachine())},
			// It starts the replay of a verification that rebuilds, and waits for it and for what
			// it has built.
			statements: with(may.start(), may.control(getItems, query), changes,
				may.change(generationsKey, replayRows), may.state(getItem), may.rebuild(),
				allowIf(within([]string{verifyRows, verifyKeys}), actions("dynamodb:DeleteItem"),
					tableARN(may.stack, d.controlTable())))}},
		{"VerifyLanesArn", functionSpec{folder: "verify-lanes", memory: 1769, timeout: 880,
			statements: with(may.start(), may.control(getItems, query), changes,
				may.events(query), may.state(getItem, getItems, query))}},
		{"ReportVerificationArn", functionSpec{folder: "report-verification", memory: 256, timeout: 280,
			statements: with(may.start(), may.control(query), changes, may.events(query, getItem))}},
	}
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
				may.events(query), may.put(d.playbackStream()), may.lag())}},
		{"CheckDrainedArn", functionSpec{folder: "check-drained", memory: 256, timeout: 110,
			statements: with(may.start(), may.control(getItems), may.change(replayRows, replayKeys), may.state(getItem))}},
		{"ProveCompletenessArn", functionSpec{folder: "prove-completeness", memory: 1024, timeout: 880,
			statements: with(may.start(), may.control(getItems, query), may.change(replayRows, replayKeys),
				may.state(getItem, query), may.events(query))}},
		{"FollowStreamArn", functionSpec{folder: "follow-stream", memory: 256, timeout: 280,
			statements: with(may.start(), may.control(getItems), may.change(generationsKey, replayKeys),
				may.state(getItem, putItem), may.wakeKeeper())}},
		{"PromoteGenerationArn", functionSpec{folder: "promote-generation", memory: 256, timeout: 280,
			statements: with(may.start(), may.control(getItems, query),
				may.change(generationsKey, replayRows, replayKeys),
				may.state(getItem, getItems, query), may.events(query))}},
		{"AwaitResumeArn", functionSpec{folder: "await-resume", memory: 256, timeout: 60,
			env:        map[string]*string{envStateMachine: machineARN(may.stack, d.stateMachine())},
			statements: with(may.start(), may.change(replayRows, replayKeys), may.release())}},
		{"ReportReplayArn", functionSpec{folder: "report-replay", memory: 256, timeout: 280,
			// The machine refers to the function, so the function gets its ARN by name.
			env: map[string]*string{envStateMachine: machineARN(may.stack, d.stateMachine())},
			statements: with(may.start(), may.control(getItems, query), may.change(generationsKey, replayRows, replayKeys),
				may.forget(), may.state(getItem), may.dropState(), may.wakeKeeper(), may.countTransitions())}},
	}
}

// controlSteps has the step of the control state machine.
func (d *deployment) controlSteps(may access) []step {
	return []step{{"ControlReplayArn", functionSpec{folder: "control-replay", memory: 256, timeout: 110,
		env: map[string]*string{envStateMachine: machineARN(may.stack, d.stateMachine())},
		statements: with(may.start(), may.control(query), may.change(generationsKey, replayRows), may.startReplays(),
			allow(actions("states:StopExecution"), executionARN(may.stack, d.stateMachine())))}}}
}

// machineSpec is a state machine. Its name is fixed, since roles name it.
type machineSpec struct {
	id, name, means, definition string
	steps                       []step
	// statements are what its role may do beside calling the steps.
	statements []awsiam.PolicyStatement
}

// machine adds a state machine with the functions of its steps.
func (d *deployment) machine(stack awscdk.Stack, spec machineSpec) {
	substitutions := make(map[string]*string)
	var functions []*string
	for _, step := range spec.steps {
		f := d.newFunction(stack, step.functionSpec)
		substitutions[step.placeholder] = f.CurrentVersion().FunctionArn()
		name := d.Config.function(step.folder)
		functions = append(functions, functionARN(stack, name), functionARN(stack, name+":*"))
	}
	logs := awslogs.NewLogGroup(stack, jsii.String(spec.id+"-logs"), &awslogs.LogGroupProps{
		// Log groups with this prefix need no entry in the resource policy of
		// CloudWatch Logs, whose size is limited.
		LogGroupName: jsii.String("/aws/vendedlogs/states/" + spec.name), Retention: retention(d.LogDays),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	role := awsiam.NewRole(stack, jsii.String(spec.id+"-role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), nil)})
	for _, statement := range append(spec.statements,
		allow(actions("lambda:InvokeFunction"), functions...),
		// These take no resource (developer guides, "Logging" and "X-Ray").
		allow(actions("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
			"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
			everything()),
		allow(actions("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
			"xray:GetSamplingTargets"), everything()),
	) {
		role.AddToPolicy(statement)
	}
	machine := awsstepfunctions.NewCfnStateMachine(stack, jsii.String(spec.id), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName:        jsii.String(spec.name),
		StateMachineType:        jsii.String("STANDARD"),
		RoleArn:                 role.RoleArn(),
		DefinitionString:        jsii.String(spec.definition),
		DefinitionSubstitutions: substitutions,
		TracingConfiguration:    &awsstepfunctions.CfnStateMachine_TracingConfigurationProperty{Enabled: jsii.Bool(true)},
		LoggingConfiguration:    loggingTo(logs),
	})
	machine.Node().AddDependency(role)
	output := "machine"
	if spec.id != "replay" {
		output = spec.id + "-machine"
	}
	awscdk.NewCfnOutput(stack, jsii.String(output), &awscdk.CfnOutputProps{
		Value: machine.Ref(), Description: jsii.String(spec.means)})
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
		statements: with(may.start(), may.control(query), may.change(generationsKey, replayRows, replayKeys, verifyRows),
			may.forget(), may.events(query, getItem), may.state(getItem), may.dropState(), may.wakeKeeper(),
			may.stopReplays())})
	awsevents.NewRule(stack, jsii.String("ended-executions"), &awsevents.RuleProps{
		Description: jsii.String("Executions of replays and verifications that were aborted, failed or timed out"),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings("aws.states"), DetailType: jsii.Strings("Step Functions Execution Status Change"),
			Detail: &map[string]any{
				"status":          []string{"ABORTED", "FAILED", "TIMED_OUT"},
				"stateMachineArn": []*string{machineARN(stack, d.stateMachine()), machineARN(stack, d.verifyMachine())},
			}},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(f, nil)},
	})
	// One that succeeds may have built a throwaway, which is dropped then.
	awsevents.NewRule(stack, jsii.String("ended-verifications"), &awsevents.RuleProps{
		Description: jsii.String("Executions of verifications that succeeded"),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings("aws.states"), DetailType: jsii.Strings("Step Functions Execution Status Change"),
			Detail: &map[string]any{
				"status":          []string{"SUCCEEDED"},
				"stateMachineArn": []*string{machineARN(stack, d.verifyMachine())},
			}},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(f, nil)},
	})
	d.retryAsync(stack, f, "close-replay")
}
