package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
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
			statements: with(may.start(), may.put(d.eventStream()), may.lag(), may.seal())}),
		imports: d.newFunction(stack, functionSpec{folder: "import-events", memory: 512, timeout: 29,
			statements: with(may.start(), may.control(getItems), may.put(d.eventStream()), may.lag(), may.seal())}),
		api: d.newFunction(stack, functionSpec{folder: "serve-api", memory: 512, timeout: 29,
			env: map[string]*string{envStateMachine: machineARN(stack, d.stateMachine())},
			// It drops no tables: close-replay does, once the execution of a cancelled
			// replay has ended.
			statements: with(may.start(), may.control(getItems, query), may.change(generationsKey, replayRows, verifyRows),
				may.events(getItem, query), may.state(getItem, getItems, query), may.measureState(),
				may.wipeState(), may.operateReplays(),
				may.startVerifications(),
				may.lag(),
				may.reveal(), may.erase(),
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

// The partitions of the table of the effects log.
const (
	effectKeys     = "effects#*"           // what was called
	memoryKeys     = "memory#*"            // the entities' states between two events
	identityKeys   = "identities#*"        // of entities with many events
	markKeys       = "marks"               // how far the service has reacted
	birthKeys      = "births"              // since when each call exists
	waitingKeys    = "waiting"             // entities whose effects wait
	sweepKeys      = "sweep"               // where the next look at these begins
	collectionKeys = "collections"         // which version compares for a replay
	differenceKeys = "difference#*"        // what a replay would have sent otherwise
	countKeys      = "difference-counts#*" // how much it has compared
	stoppedKeys    = "stopped#*"           // entities that it does not compare any more
	approvalKeys   = "approvals#*"         // what people approved
	approvingKeys  = "approving"           // what is being carried out
)

// retryEvery is how often, in minutes, effects that wait are looked for.
const retryEvery = 1

// effects adds what runs a service: the consumer of the event stream, and the function that
// takes up effects again and carries out what was approved.
func (d *deployment) effects(stack awscdk.Stack, may access) {
	// What folds states reads what write-state reads.
	folds := with(may.start(), may.control(getItems, query), may.events(getItem, query), may.state(getItem, getItems),
		may.effects(getItem, getItems, query), may.reveal())
	react := []string{effectKeys, memoryKeys, identityKeys, markKeys, birthKeys, waitingKeys}
	micro := d.newFunction(stack, functionSpec{folder: microservice, memory: 512, timeout: 120,
		env:        map[string]*string{envSystems: jsii.String(d.Systems)},
		statements: with(folds, may.changeEffects(react...), may.consume(d.eventStream()))})
	d.mapStream(stack, micro, microservice, d.eventStream(), d.Parallelization)
	retry := d.newFunction(stack, functionSpec{folder: retryEffects, memory: 512, timeout: 300,
		env: map[string]*string{envSystems: jsii.String(d.Systems)},
		statements: with(folds, may.changeEffects(append(react, sweepKeys, differenceKeys, approvalKeys)...),
			allowIf(within([]string{waitingKeys, approvingKeys}), actions("dynamodb:DeleteItem"),
				tableARN(stack, d.effectsTable())))})
	awsevents.NewRule(stack, jsii.String("retry-effects-schedule"), &awsevents.RuleProps{
		Description: jsii.String("Takes up effects that wait, and carries out what was approved"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(retryEvery))),
		Targets:     &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(retry, nil)},
	})
	d.retryAsync(stack, retry, retryEffects)
}

// effects allows reading the effects log.
func (a access) effects(operations ...string) awsiam.PolicyStatement {
	return allow(operations, tableARN(a.stack, a.effectsTable()))
}

// changeEffects allows writing documents of some partitions of the effects log.
func (a access) changeEffects(partitions ...string) awsiam.PolicyStatement {
	return allowIf(within(partitions), actions(putItem), tableARN(a.stack, a.effectsTable()))
}

// decideOnEffects is for serve-api: it shows what was sent, lets effects go on, and stores
// approvals, which retry-effects carries out.
func (a access) decideOnEffects() []awsiam.PolicyStatement {
	if !a.Service {
		return nil
	}
	return []awsiam.PolicyStatement{
		a.effects(getItem, query),
		a.changeEffects(effectKeys, memoryKeys, waitingKeys, approvalKeys, approvingKeys),
		allow(actions("lambda:InvokeFunction"), functionARN(a.stack, a.Config.function(retryEffects))),
	}
}

// beginEffects is for keep-consumers, which lets a new service begin.
func (a access) beginEffects() []awsiam.PolicyStatement {
	if !a.Service {
		return nil
	}
	return []awsiam.PolicyStatement{a.effects(getItem, query), a.changeEffects(markKeys)}
}

// compareEffects is for apply-playback, which compares the effects of a rebuild.
func (a access) compareEffects() []awsiam.PolicyStatement {
	if !a.Service {
		return nil
	}
	return append([]awsiam.PolicyStatement{
		a.effects(getItem, query),
		a.changeEffects(collectionKeys, differenceKeys, countKeys, stoppedKeys),
	}, a.reveal()...)
}

// effectAlarms report effects that need a person.
func (d *deployment) effectAlarms() []alarm {
	if !d.Service {
		return nil
	}
	return []alarm{
		{
			name: "effects-parked",
			means: "Effects of entities are parked: a call failed too often, was declined, or is in doubt. " +
				"reprise effects waiting (GET /effects/waiting) lists them, reprise effects resume lets them go on",
			help: "go tool reprise effects waiting; " + d.tailOf(microservice, "effects of an entity are parked") + "; " +
				d.tailOf(retryEffects, "effects of an entity are parked"),
			metric:    sum(d.own("EffectsParked"), d.own("EffectsParkedAgain")),
			threshold: 1, periods: 1,
		},
		{
			name: "effects-missed",
			means: "Events of the log never came to the service in their order, which a reshard of the event stream can do: " +
				"it has not reacted to them. run-microservice's log names the lanes",
			help:      d.tailOf(microservice, "events never came to the service in their order"),
			metric:    sum(d.own("EffectsMissed")),
			threshold: 1, periods: 1,
		},
		{
			name:      "effects-not-retried",
			means:     "retry-effects fails, so effects that wait are not taken up: its log says why",
			help:      d.tail(retryEffects),
			metric:    d.ofFunction(retryEffects, "Errors", "Sum"),
			threshold: 1, periods: 3,
		},
	}
}
