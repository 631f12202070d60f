package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// keepEvery is how often, in minutes, keep-consumers runs by schedule. A new platform
// gets its first consumer within that time.
const keepEvery = 5

// ingest adds the HTTP API and the consumers of the event stream.
func (d *deployment) ingest(stack awscdk.Stack) {
	may := d.access(stack)
	d.api(stack, apiFunctions{
		load: d.newFunction(stack, functionSpec{folder: "load-events", memory: 512, timeout: 29,
			statements: with(may.start(), may.put(d.eventStream()), may.lag())}),
		imports: d.newFunction(stack, functionSpec{folder: "import-events", memory: 512, timeout: 29,
			statements: with(may.start(), may.control(getItems), may.put(d.eventStream()), may.lag())}),
		api: d.newFunction(stack, functionSpec{folder: "serve-api", memory: 512, timeout: 29,
			env: map[string]*string{envStateMachine: machineARN(stack, d.stateMachine())},
			// It drops no tables: close-replay does, once the execution of a cancelled
			// replay has ended.
			statements: with(may.start(), may.control(getItems, query), may.change(generationsKey, replayRows, verifyRows),
				may.events(getItem, query), may.state(getItem, getItems, query), may.measureState(),
				may.wipeState(), may.operateReplays(),
				may.startVerifications(),
				may.lag(),
				may.put(d.eventStream()),
				may.decideOnEffects(),
				allow(actions("kinesis:DescribeStreamSummary"), streamARN(stack, d.playbackStream())))}),
	})
	pump := d.newFunction(stack, functionSpec{folder: "pump-events", memory: 512, timeout: 120, reserved: d.reserved(),
		statements: with(may.start(), may.control(query), may.change(headKeys, manifestKeys, registerKeys),
			may.events(getItem, query, putItem), may.consume(d.eventStream()))})
	d.mapStream(stack, pump, "pump-events", d.eventStream(), d.Parallelization)
	if d.Service {
		d.effects(stack, may)
	}
	d.writers(stack, may)
}

// writers adds write-state, and keep-consumers, which creates the event source mapping
// of each generation: generations come and go between deploys.
func (d *deployment) writers(stack awscdk.Stack, may access) {
	write := d.newFunction(stack, functionSpec{folder: "write-state", memory: 512, timeout: 120,
		statements: with(may.start(), may.control(getItems, query), may.change(generationsKey), may.events(getItem, query),
			may.state(getItem, getItems, putItem), may.consume(d.eventStream()))})
	keep := d.newFunction(stack, functionSpec{folder: "keep-consumers", memory: 256, timeout: 300,
		env: map[string]*string{
			envStateMachine:    machineARN(stack, d.stateMachine()),
			envWriteVersion:    write.CurrentVersion().Version(),
			envParallelization: jsii.String(strconv.Itoa(d.Parallelization)),
			envBatching:        jsii.String(strconv.Itoa(d.BatchingSeconds)),
		},
		statements: with(
			may.start(),
			may.control(getItems, query),
			may.change(generationsKey, replayRows, verifyRows),
			may.forget(),
			may.events(getItem, query),
			may.createState(),
			may.state(getItem, putItem, query),
			may.dropState(),
			may.keep(),
			may.startReplays(),
			may.beginEffects(),
			may.stopReplays(),
			may.watchVerifications(),
		),
	})
	awsevents.NewRule(stack, jsii.String("keep-schedule"), &awsevents.RuleProps{
		Description: jsii.String("Looks whether every generation that follows the event stream has its consumer"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(keepEvery))),
		Targets:     &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(keep, nil)},
	})
	d.retryAsync(stack, keep, "keep-consumers").Node().AddDependency(d.queue(stack))
}

// retryAsync sets how often Lambda retries an asynchronous call, and keeps a call that
// failed every time.
func (d *deployment) retryAsync(
	stack awscdk.Stack, f awslambda.Function, folder string,
) awslambda.CfnEventInvokeConfig {
	queue := queueARN(stack, d.failedCalls())
	f.AddToRolePolicy(allow(actions("sqs:SendMessage"), queue))
	props := &awslambda.CfnEventInvokeConfigProps{
		FunctionName: f.FunctionName(), Qualifier: jsii.String("$LATEST"),
		MaximumRetryAttempts: jsii.Number(2), MaximumEventAgeInSeconds: jsii.Number(6 * 3600),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: queue}},
	}
	retries := awslambda.NewCfnEventInvokeConfig(stack, jsii.String(folder+"-retries"), props)
	// Lambda checks that the role may send to the queue.
	retries.Node().AddDependency(f.Role())
	return retries
}

// queue adds the queue of failed asynchronous calls, whose length an alarm watches.
func (d *deployment) queue(stack awscdk.Stack) awssqs.CfnQueue {
	const twoWeeks = 14 * 24 * 3600
	return awssqs.NewCfnQueue(stack, jsii.String("failed-calls"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(d.failedCalls()), MessageRetentionPeriod: jsii.Number(twoWeeks),
		SqsManagedSseEnabled: jsii.Bool(true)})
}
