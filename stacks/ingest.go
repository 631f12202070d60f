package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
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
			statements: with(may.start(), may.put(d.eventStream()), may.lag())}),
		api: d.newFunction(stack, functionSpec{folder: "serve-api", memory: 512, timeout: 29,
			env: map[string]*string{envStateMachine: machineARN(stack, d.stateMachine())},
			statements: with(may.start(), may.control(), may.forget(), may.events(getItem, query),
				may.state(getItem, getItems, query), may.wipeState(), may.dropState(), may.operateReplays(), may.lag(),
				may.put(d.eventStream()),
				allow(actions("kinesis:DescribeStreamSummary"), streamARN(stack, d.playbackStream())))}),
	})
	pump := d.newFunction(stack, functionSpec{folder: "pump-events", memory: 512, timeout: 120,
		statements: with(may.start(), may.control(), may.events(getItem, query, putItem), may.consume(d.eventStream()))})
	d.mapStream(stack, pump, "pump-events", d.eventStream(), d.Parallelization)
	micro := d.newFunction(stack, functionSpec{folder: "run-microservice", memory: 512, timeout: 120,
		statements: with(may.start(), may.consume(d.eventStream()))})
	d.mapStream(stack, micro, "run-microservice", d.eventStream(), d.Parallelization)
	d.writers(stack, may)
}

// writers adds write-state, and keep-consumers, which creates the event source mapping
// of each generation: generations come and go between deploys.
func (d *deployment) writers(stack awscdk.Stack, may access) {
	write := d.newFunction(stack, functionSpec{folder: "write-state", memory: 512, timeout: 120,
		statements: with(may.start(), may.control(), may.events(getItem, query), may.state(getItem, getItems, putItem),
			may.consume(d.eventStream()))})
	keep := d.newFunction(stack, functionSpec{folder: "keep-consumers", memory: 256, timeout: 300,
		env: map[string]*string{
			envStateMachine:    machineARN(stack, d.stateMachine()),
			envWriteVersion:    write.CurrentVersion().Version(),
			envParallelization: jsii.String(strconv.Itoa(d.Parallelization)),
		},
		statements: with(
			may.start(),
			may.control(),
			may.forget(),
			may.createState(),
			may.state(getItem, putItem),
			may.dropState(),
			may.keep(),
			may.startReplays(),
		)})
	awsevents.NewRule(stack, jsii.String("keep-schedule"), &awsevents.RuleProps{
		Description: jsii.String("Looks whether every generation that follows the event stream has its consumer"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(keepEvery))),
		Targets:     &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(keep, nil)},
	})
	retryAsync(stack, keep, "keep-consumers")
}

// retryAsync sets how often Lambda retries an asynchronous call.
func retryAsync(stack awscdk.Stack, f awslambda.Function, folder string) {
	awslambda.NewCfnEventInvokeConfig(stack, jsii.String(folder+"-retries"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName: f.FunctionName(), Qualifier: jsii.String("$LATEST"),
		MaximumRetryAttempts: jsii.Number(2), MaximumEventAgeInSeconds: jsii.Number(6 * 3600)})
}
