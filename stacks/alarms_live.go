package stacks

import (
	"fmt"

	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"

	"reprise/stacks/logged"
)

// consumerAlarms report consumers that get no records, or cannot handle them.
func (d *deployment) consumerAlarms() []alarm {
	consumers := d.deployed("pump-events", "write-state", microservice, "apply-playback")
	others := strings.Join(consumers[1:], ", ")
	var errors, retried []awscloudwatch.Metric
	for _, folder := range consumers {
		errors = append(errors, d.ofFunction(folder, "Errors", "Sum"))
	}
	for _, line := range d.lines() {
		if line.Message == logged.Retried {
			retried = append(retried, d.own(line.Metric))
		}
	}
	return []alarm{
		{
			name: "pump-stopped",
			means: "Events arrive, but nothing writes them into the log: " +
				"check that the event source mapping of pump-events is enabled",
			help:   doctor + "; aws lambda list-event-source-mappings --function-name " + d.Config.function("pump-events"),
			metric: d.idle("pump-events"), threshold: 1, periods: 3,
		},
		{
			name:   "write-stopped",
			means:  "Events arrive, but nothing keeps the Data Store up to date: check keep-consumers",
			help:   doctor + "; " + d.tail("keep-consumers"),
			metric: d.idle("write-state"), threshold: 1, periods: 3,
		},
		{
			name: "records-retried",
			means: "A consumer has returned records to be retried for 10 minutes. It gets no further in these lanes, " +
				"and nothing is lost. One of these logs says why: pump-events, " + others,
			help:      d.tailOf("pump-events", logged.Retried) + " (and " + others + ")",
			metric:    sum(retried...),
			threshold: 1, periods: 2,
		},
		{
			name:      "consumers-failing",
			means:     "Consumers of a stream fail whole batches: their logs say why",
			help:      d.tail("pump-events") + " (and " + others + ")",
			metric:    sum(errors...),
			threshold: 1, periods: 3,
		},
	}
}

// logAlarms report what should never happen to the log.
func (d *deployment) logAlarms() []alarm {
	return []alarm{
		{
			name: "log-changed",
			means: "An event in the log was changed or removed, which the platform never does: " +
				"watch-log's log says which one. Find out who has the permission, and restore the table to the time before",
			help: d.tail("watch-log") + "; aws dynamodb restore-table-to-point-in-time --source-table-name " +
				d.eventsTable(),
			metric:    d.ofFunction("watch-log", "Invocations", "Sum"),
			threshold: 1, periods: 1,
		},
		{
			name:      "watch-failing",
			means:     "watch-log fails, so it may miss changes and removals in the log",
			help:      d.tail("watch-log"),
			metric:    d.ofFunction("watch-log", "Errors", "Sum"),
			threshold: 1, periods: 1,
		},
		{
			name: "records-quarantined",
			means: "Records could not be decoded, came late, or belong to no lane: " +
				"they are set aside in the log and not applied; reprise quarantine list (GET /quarantine) shows them. " +
				"Correct their events and send them again",
			help:      d.tailOf("pump-events", "records quarantined"),
			metric:    sum(d.own("Quarantined"), d.own("Foreign"), d.own("Dropped")),
			threshold: 1, periods: 1,
		},
		{
			name: "head-lost",
			means: "The head of a lane is gone, or older than the log proves, so nothing of the lane is committed: " +
				"pump-events' log names it. Restore the control table to the time of the Events table",
			help: d.tail("pump-events") + "; aws dynamodb restore-table-to-point-in-time --source-table-name " +
				d.controlTable(),
			metric:    sum(d.own("HeadLost")),
			threshold: 1, periods: 1,
		},
	}
}

// projectionAlarms report what the Data Store lacks.
func (d *deployment) projectionAlarms() []alarm {
	return []alarm{
		{
			name: "entities-parked",
			means: "Entities were parked, or an event id came again with other content: write-state's log names the lanes, " +
				"and reprise parked list (GET /parked) the entities. Fix the projection and rebuild, or skip the event",
			help:      d.tailOf("write-state", "events set aside"),
			metric:    sum(d.own("SetAside")),
			threshold: 1, periods: 1,
		},
		{
			name:  "generation-lost",
			means: "A generation of the Data Store lacks events or its marks: rebuild, and promote the new generation",
			help: "aws stepfunctions start-execution --state-machine-arn " + d.machineText() +
				" --input '{\"rebuild\":true,\"promote\":true}'",
			metric:    sum(d.own("Lost")),
			threshold: 1, periods: 1,
		},
		{
			name: "projection-runaway",
			means: "Too many folds of a projection never returned, so the platform no longer runs it: " +
				"write-state's or apply-playback's log names it. Fix the projection and deploy it",
			help:      d.tail("write-state") + "; " + d.tail("apply-playback"),
			metric:    sum(d.own("Runaways"), d.own("RunawaysInReplays")),
			threshold: 1, periods: 1,
		},
		{
			name: "playback-damaged",
			means: "Records of the playback stream cannot be read. They are dropped and their lanes read again; " +
				"if that does not help, the replay fails. Find out what else writes to the stream",
			help:      d.tail("apply-playback"),
			metric:    sum(d.own("Damaged")),
			threshold: 1, periods: 1,
		},
	}
}

// capacityAlarms report services that refuse requests.
func (d *deployment) capacityAlarms() []alarm {
	var throttles []awscloudwatch.Metric
	for _, folder := range d.deployed("load-events", "import-events", "pump-events", "write-state", microservice,
		"apply-playback", "read-segment") {
		throttles = append(throttles, d.ofFunction(folder, "Throttles", "Sum"))
	}
	table := func(name string) awscloudwatch.Metric {
		return metric("AWS/DynamoDB", "WriteThrottleEvents", "Sum", 5, map[string]string{"TableName": name})
	}
	tables := []awscloudwatch.Metric{table(d.eventsTable()), table(d.controlTable())}
	if d.Service {
		tables = append(tables, table(d.effectsTable()))
	}
	return []alarm{
		{
			name:      "functions-throttled",
			means:     "Lambda refuses invocations: the account's concurrency is used up. Ask Service Quotas for more",
			help:      "aws lambda get-account-settings; " + doctor,
			metric:    sum(throttles...),
			threshold: 1, periods: 3,
		},
		{
			name:      "tables-throttled",
			means:     "DynamoDB has refused writes for 15 minutes",
			help:      "aws dynamodb describe-table --table-name " + d.eventsTable() + "; " + d.tail("pump-events"),
			metric:    sum(tables...),
			threshold: 1, periods: 3,
		},
		{
			name:  "event-stream-throttled",
			means: "The event stream refuses records: add shards, at most twice as many at once",
			help:  doctor + "; cdk deploy --all -c reprise:shards=N",
			metric: metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "Sum", 5,
				map[string]string{"StreamName": d.eventStream()}),
			threshold: 1, periods: 3,
		},
	}
}

// internalAlarms report functions that keep the platform in order.
func (d *deployment) internalAlarms() []alarm {
	return []alarm{
		{
			name:      "keeper-failing",
			means:     "keep-consumers fails, so generations may lack their consumers: its log says why",
			help:      d.tail("keep-consumers") + "; " + doctor,
			metric:    d.ofFunction("keep-consumers", "Errors", "Sum"),
			threshold: 1, periods: 3,
		},
		{
			name: "calls-failed",
			means: "keep-consumers or close-replay was called and failed at every attempt. " +
				"The queue has the calls and their errors. keep-consumers does the same work again on its schedule: " +
				"empty the queue once the cause is gone",
			help: "aws sqs receive-message --queue-url $(aws sqs get-queue-url --queue-name " + d.failedCalls() +
				" --query QueueUrl --output text)",
			metric: metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 5,
				map[string]string{"QueueName": d.failedCalls()}),
			threshold: 1, periods: 1,
		},
	}
}

// verificationAlarms report what verifications find, those that fail, and nights without
// one. The last rings after a first deploy, too, until the first verification.
func (d *deployment) verificationAlarms() []alarm {
	help := "go tool reprise verify list; go tool reprise verify report NAME; " + d.tail("report-verification")
	all := []alarm{
		{
			name: "verification-drift",
			means: "A verification found rows, or events of the log, that are not as they should be: " +
				"reprise verify report shows which. A rebuild mends rows; a damaged log has to be restored first",
			help: help, metric: sum(d.own("VerificationDrift")), threshold: 1, periods: 1,
		},
		{
			name: "verification-failed",
			means: "A verification could not be carried out, which says nothing of the data. " +
				"After a deploy of another version of the projections, rebuild first",
			help: help, metric: sum(d.own("VerificationFailed")), threshold: 1, periods: 1,
		},
	}
	if !d.Verify {
		return all
	}
	ended := sumOver(60, metric(d.namespace(), "VerificationClean", "Sum", 60, nil),
		metric(d.namespace(), "VerificationDrift", "Sum", 60, nil))
	return append(all, alarm{
		name:   "verification-missing",
		means:  fmt.Sprintf("No verification has come to a verdict for %d hours", d.VerifyHours),
		help:   "aws scheduler get-schedule --name " + d.verifyMachine() + "; " + help,
		metric: ended, threshold: 1, periods: float64(d.VerifyHours), heartbeat: true,
	})
}

func (d *deployment) replayAlarms() []alarm {
	replays := func(name string) awscloudwatch.Metric {
		return metric("AWS/States", name, "Sum", 5, map[string]string{"StateMachineArn": d.machineText()})
	}
	return []alarm{
		{
			name: "replay-failed",
			means: "A replay failed or timed out: reprise replay get shows why. " +
				"It was closed, and what it created was dropped; fix the cause and start another",
			help:      "go tool reprise replay get NAME; " + d.tail("report-replay"),
			metric:    sum(replays("ExecutionsFailed"), replays("ExecutionsTimedOut")),
			threshold: 1, periods: 1,
		},
		{
			name:      "replay-not-closed",
			means:     "A replay that ended could not be closed: what it created may still exist and cost money",
			help:      d.tail("close-replay"),
			metric:    d.ofFunction("close-replay", "Errors", "Sum"),
			threshold: 1, periods: 1,
		},
	}
}
