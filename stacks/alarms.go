package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// alarm is one promise that is watched.
type alarm struct {
	name string
	// means says what has happened and what to do.
	means     string
	metric    awscloudwatch.IMetric
	threshold float64
	// periods is how many periods of the metric in a row it takes.
	periods float64
}

func metric(namespace, name, statistic string, minutes float64, dimensions map[string]string) awscloudwatch.Metric {
	texts := make(map[string]*string, len(dimensions))
	for key, value := range dimensions {
		texts[key] = jsii.String(value)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{Namespace: jsii.String(namespace), MetricName: jsii.String(name),
		Statistic: jsii.String(statistic), Period: awscdk.Duration_Minutes(jsii.Number(minutes)), DimensionsMap: &texts})
}

func (d *deployment) ofFunction(folder, name, statistic string) awscloudwatch.Metric {
	return metric("AWS/Lambda", name, statistic, 5, map[string]string{"FunctionName": d.Config.function(folder)})
}

// sum adds metrics up in one alarm, at most ten.
func sum(metrics ...awscloudwatch.Metric) awscloudwatch.IMetric {
	using := make(map[string]awscloudwatch.IMetric)
	var terms []string
	for i, m := range metrics {
		name := fmt.Sprintf("m%d", i)
		using[name] = m
		terms = append(terms, "FILL("+name+", 0)")
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(strings.Join(terms, " + ")), UsingMetrics: &using,
		Period: awscdk.Duration_Minutes(jsii.Number(5))})
}

// idle is 1 while the event stream takes records and a function is not called: a
// consumer that has no mapping has no lag either.
func (d *deployment) idle(folder string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("IF(FILL(arrived, 0) > 0 AND FILL(calls, 0) == 0, 1, 0)"),
		UsingMetrics: &map[string]awscloudwatch.IMetric{
			"arrived": metric("AWS/Kinesis", "IncomingRecords", "Sum", 5, map[string]string{"StreamName": d.eventStream()}),
			"calls":   d.ofFunction(folder, "Invocations", "Sum"),
		},
		Period: awscdk.Duration_Minutes(jsii.Number(5))})
}

func (d *deployment) alarms() []alarm {
	return append(append(d.lagAlarms(), d.stoppedAlarms()...), d.alarmsOfReplays()...)
}

// lagAlarms warn at a quarter and call at half of a stream's retention: what is
// not taken in by its end is gone. Write-state is one alarm for all of its
// generations, whichever is the slowest.
func (d *deployment) lagAlarms() []alarm {
	var all []alarm
	for _, consumer := range []struct {
		folder string
		hours  int
	}{
		{"pump-events", d.RetentionHours}, {"write-state", d.RetentionHours}, {"run-microservice", d.RetentionHours},
		{"apply-playback", d.PlaybackRetentionHours},
	} {
		for _, part := range []struct {
			name   string
			parts  int
			advice string
		}{{"quarter", 4, "look at its errors and throttles"}, {"half", 2, "act now: what expires unread is lost to this consumer"}} {
			all = append(all, alarm{
				name: consumer.folder + "-lag-" + part.name,
				means: fmt.Sprintf("%s lags behind its stream by a %s of the retention of %d h: %s",
					consumer.folder, part.name, consumer.hours, part.advice),
				metric:    d.ofFunction(consumer.folder, "IteratorAge", "Maximum"),
				threshold: float64(consumer.hours) * 3_600_000 / float64(part.parts), periods: 1})
		}
	}
	return all
}

// stoppedAlarms tell of what should never happen to the live path.
func (d *deployment) stoppedAlarms() []alarm {
	own := func(name string) awscloudwatch.Metric { return metric(d.namespace(), name, "Sum", 5, nil) }
	live := []string{"load-events", "import-events", "pump-events", "write-state", "run-microservice", "apply-playback", "read-segment"}
	var throttles []awscloudwatch.Metric
	for _, folder := range live {
		throttles = append(throttles, d.ofFunction(folder, "Throttles", "Sum"))
	}
	table := func(name string) awscloudwatch.Metric {
		return metric("AWS/DynamoDB", "WriteThrottleEvents", "Sum", 5, map[string]string{"TableName": name})
	}
	return []alarm{
		{"pump-stopped", "Events arrive and nothing writes them into the log: is the mapping of pump-events enabled?",
			d.idle("pump-events"), 1, 3},
		{"write-stopped", "Events arrive and nothing keeps the Data Store up to date: look at keep-consumers",
			d.idle("write-state"), 1, 3},
		{"log-changed", "An event in the log was changed or removed, which nothing of the platform does: watch-log's log says which. Find out who may, and restore from the point in time before",
			d.ofFunction("watch-log", "Invocations", "Sum"), 1, 1},
		{"records-quarantined", "Records could not be decoded, came late, or belong to no lane: they are set aside in the log and not applied. Send their events again, mended",
			sum(own("Quarantined"), own("Foreign"), own("Dropped")), 1, 1},
		{"entities-parked", "Entities were parked, or an id came with another content: write-state's log names the lanes. Mend the projection and rebuild",
			sum(own("SetAside")), 1, 1},
		{"generation-lost", "A generation of the Data Store lacks events or its marks: rebuild, and promote the new one",
			sum(own("Lost")), 1, 1},
		{"head-lost", "The head of a lane is gone, or older than what the log has witnessed, and nothing of the lane is committed: pump-events' log names it. " +
			"Restore the control table to the time of the Events table",
			sum(own("HeadLost")), 1, 1},
		{"projection-runaway", "So many folds of a projection never returned that nothing is folded with it any more: " +
			"write-state's or apply-playback's log names it. Mend the projection and deploy it",
			sum(own("Runaways"), own("RunawaysInReplays")), 1, 1},
		{"playback-damaged", "Records of the playback stream cannot be read. They are dropped and their lanes read again: " +
			"if that does not help, the replay fails. Find out what else writes into the stream",
			sum(own("Damaged")), 1, 1},
		{"functions-throttled", "Lambda refuses invocations: the account's concurrency is used up. Ask for more",
			sum(throttles...), 1, 3},
		{"tables-throttled", "DynamoDB refuses writes for a quarter of an hour", sum(table(d.eventsTable()), table(d.controlTable())), 1, 3},
		{"event-stream-throttled", "The event stream refuses records: add shards",
			metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "Sum", 5, map[string]string{"StreamName": d.eventStream()}), 1, 3},
		{"consumers-failing", "Consumers of the event stream fail whole batches",
			sum(d.ofFunction("pump-events", "Errors", "Sum"), d.ofFunction("write-state", "Errors", "Sum"), d.ofFunction("run-microservice", "Errors", "Sum")), 1, 3},
		{"watch-failing", "Changes and removals in the log cannot be told of", d.ofFunction("watch-log", "Errors", "Sum"), 1, 1},
		{"keeper-failing", "Consumers of generations are not looked after: keep-consumers' log says why", d.ofFunction("keep-consumers", "Errors", "Sum"), 1, 3},
	}
}

func (d *deployment) alarmsOfReplays() []alarm {
	replays := func(name string) awscloudwatch.Metric {
		return metric("AWS/States", name, "Sum", 5, map[string]string{"StateMachineArn": d.machineText()})
	}
	return []alarm{
		{"replay-failed", "A replay failed or timed out: reprise replay get shows why. It was closed and dropped what it created; start another once the reason is mended",
			sum(replays("ExecutionsFailed"), replays("ExecutionsTimedOut")), 1, 1},
		{"replay-not-closed", "A replay that ended could not be closed: what it created may still be there, and cost",
			d.ofFunction("close-replay", "Errors", "Sum"), 1, 1},
	}
}

// machineText is the state machine's ARN wherever the stack is deployed.
func (d *deployment) machineText() string {
	return "arn:" + *awscdk.Aws_PARTITION() + ":states:" + *awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() +
		":stateMachine:" + d.stateMachine()
}
