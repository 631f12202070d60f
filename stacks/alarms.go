package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// alarm watches one promise.
type alarm struct {
	name string
	// means says what happened and what to do.
	means     string
	metric    awscloudwatch.IMetric
	threshold float64
	// periods is how many consecutive periods raise the alarm.
	periods float64
}

func metric(namespace, name, statistic string, minutes float64, dimensions map[string]string) awscloudwatch.Metric {
	texts := make(map[string]*string, len(dimensions))
	for key, value := range dimensions {
		texts[key] = jsii.String(value)
	}
	return awscloudwatch.NewMetric(
		&awscloudwatch.MetricProps{Namespace: jsii.String(namespace), MetricName: jsii.String(name),
			Statistic: jsii.String(statistic), Period: awscdk.Duration_Minutes(jsii.Number(minutes)), DimensionsMap: &texts},
	)
}

func (d *deployment) ofFunction(folder, name, statistic string) awscloudwatch.Metric {
	return metric("AWS/Lambda", name, statistic, 5, map[string]string{"FunctionName": d.Config.function(folder)})
}

// sum adds up at most ten metrics.
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

// idle is 1 while the event stream receives records and a function is not called. A
// consumer without a mapping reports no lag.
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

// lagAlarms warn at a quarter of a stream's retention and call for action at half:
// records that a consumer has not read by its end are lost to it. All generations
// share the alarm of write-state, which follows the slowest.
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
		}{
			{"quarter", 4, "check its errors and throttles"},
			{"half", 2, "act now: records that expire unread are lost to this consumer"},
		} {
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

// stoppedAlarms report what should never happen on the live path.
func (d *deployment) stoppedAlarms() []alarm {
	own := func(name string) awscloudwatch.Metric { return metric(d.namespace(), name, "Sum", 5, nil) }
	live := []string{
		"load-events",
		"import-events",
		"pump-events",
		"write-state",
		"run-microservice",
		"apply-playback",
		"read-segment",
	}
	var throttles []awscloudwatch.Metric
	for _, folder := range live {
		throttles = append(throttles, d.ofFunction(folder, "Throttles", "Sum"))
	}
	table := func(name string) awscloudwatch.Metric {
		return metric("AWS/DynamoDB", "WriteThrottleEvents", "Sum", 5, map[string]string{"TableName": name})
	}
	return []alarm{
		{
			"pump-stopped",
			"Events arrive, but nothing writes them into the log: check that the event source mapping of pump-events is enabled",
			d.idle("pump-events"),
			1,
			3,
		},
		{"write-stopped", "Events arrive, but nothing keeps the Data Store up to date: check keep-consumers",
			d.idle("write-state"), 1, 3},
		{
			"log-changed",
			"An event in the log was changed or removed, which the platform never does: watch-log's log says which one. " +
				"Find out who has the permission, and restore the table to the time before",
			d.ofFunction("watch-log", "Invocations", "Sum"),
			1,
			1,
		},
		{
			"records-quarantined",
			"Records could not be decoded, came late, or belong to no lane: they are set aside in the log and not applied; " +
				"reprise quarantine list (GET /quarantine) shows them. " +
				"Correct their events and send them again",
			sum(own("Quarantined"), own("Foreign"), own("Dropped")),
			1,
			1,
		},
		{
			"entities-parked",
			"Entities were parked, or an event id came again with other content: write-state's log names the lanes, " +
				"and reprise parked list (GET /parked) the entities. Fix the projection and rebuild",
			sum(own("SetAside")),
			1,
			1,
		},
		{
			"generation-lost",
			"A generation of the Data Store lacks events or its marks: rebuild, and promote the new generation",
			sum(own("Lost")),
			1,
			1,
		},
		{
			"head-lost",
			"The head of a lane is gone, or older than the log proves, so nothing of the lane is committed: " +
				"pump-events' log names it. " +
				"Restore the control table to the time of the Events table",
			sum(own("HeadLost")),
			1,
			1,
		},
		{"projection-runaway", "Too many folds of a projection never returned, so the platform no longer runs it: " +
			"write-state's or apply-playback's log names it. Fix the projection and deploy it",
			sum(own("Runaways"), own("RunawaysInReplays")), 1, 1},
		{"playback-damaged", "Records of the playback stream cannot be read. They are dropped and their lanes read again; " +
			"if that does not help, the replay fails. Find out what else writes to the stream",
			sum(own("Damaged")), 1, 1},
		{
			"functions-throttled",
			"Lambda refuses invocations: the account's concurrency is used up. Ask Service Quotas for more",
			sum(throttles...),
			1,
			3,
		},
		{
			"tables-throttled",
			"DynamoDB has refused writes for 15 minutes",
			sum(table(d.eventsTable()), table(d.controlTable())),
			1,
			3,
		},
		{"event-stream-throttled", "The event stream refuses records: add shards",
			metric(
				"AWS/Kinesis",
				"WriteProvisionedThroughputExceeded",
				"Sum",
				5,
				map[string]string{"StreamName": d.eventStream()},
			), 1, 3},
		{"consumers-failing", "Consumers of the event stream fail whole batches: their logs say why",
			sum(
				d.ofFunction("pump-events", "Errors", "Sum"),
				d.ofFunction("write-state", "Errors", "Sum"),
				d.ofFunction("run-microservice", "Errors", "Sum"),
			), 1, 3},
		{
			"watch-failing",
			"watch-log fails, so it may miss changes and removals in the log",
			d.ofFunction("watch-log", "Errors", "Sum"),
			1,
			1,
		},
		{
			"keeper-failing",
			"keep-consumers fails, so generations may lack their consumers: its log says why",
			d.ofFunction("keep-consumers", "Errors", "Sum"),
			1,
			3,
		},
	}
}

func (d *deployment) alarmsOfReplays() []alarm {
	replays := func(name string) awscloudwatch.Metric {
		return metric("AWS/States", name, "Sum", 5, map[string]string{"StateMachineArn": d.machineText()})
	}
	return []alarm{
		{
			"replay-failed",
			"A replay failed or timed out: reprise replay get shows why. It was closed, and what it created was dropped; " +
				"fix the cause and start another",
			sum(replays("ExecutionsFailed"), replays("ExecutionsTimedOut")),
			1,
			1,
		},
		{"replay-not-closed", "A replay that ended could not be closed: what it created may still exist and cost money",
			d.ofFunction("close-replay", "Errors", "Sum"), 1, 1},
	}
}

// machineText is the state machine's ARN, independent of account and region.
func (d *deployment) machineText() string {
	return "arn:" + *awscdk.Aws_PARTITION() + ":states:" + *awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() +
		":stateMachine:" + d.stateMachine()
}
