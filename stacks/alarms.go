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
	// means says what happened and what to do, help which commands help with that.
	means, help string
	metric      awscloudwatch.IMetric
	threshold   float64
	// periods is how many periods raise the alarm, out of the last within; 0 means
	// consecutive ones.
	periods, within float64
	// heartbeat makes the alarm ring while the metric is below the threshold or has no
	// value.
	heartbeat bool
}

// missing is how periods without a value count.
func (a *alarm) missing() awscloudwatch.TreatMissingData {
	if a.heartbeat {
		return awscloudwatch.TreatMissingData_BREACHING
	}
	return awscloudwatch.TreatMissingData_NOT_BREACHING
}

// comparison is which values raise the alarm.
func (a *alarm) comparison() awscloudwatch.ComparisonOperator {
	if a.heartbeat {
		return awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
	}
	return awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD
}

// doctor is the command that examines a deployment.
const doctor = "go tool reprise doctor"

// tail is the command that shows a function's log of the last hour.
func (d *deployment) tail(folder string) string {
	return "aws logs tail /aws/lambda/" + d.Config.function(folder) + " --since 1h"
}

// tailOf shows only the lines with a message.
func (d *deployment) tailOf(folder, message string) string {
	return fmt.Sprintf(`%s --filter-pattern '{ $.msg = %q }'`, d.tail(folder), message)
}

func metric(namespace, name, statistic string, minutes float64, dimensions map[string]string) awscloudwatch.Metric {
	texts := make(map[string]*string, len(dimensions))
	for key, value := range dimensions {
		texts[key] = jsii.String(value)
	}
	return awscloudwatch.NewMetric(
		&awscloudwatch.MetricProps{
			Namespace:     jsii.String(namespace),
			MetricName:    jsii.String(name),
			Statistic:     jsii.String(statistic),
			Period:        awscdk.Duration_Minutes(jsii.Number(minutes)),
			DimensionsMap: &texts,
		},
	)
}

func (d *deployment) ofFunction(folder, name, statistic string) awscloudwatch.Metric {
	return metric("AWS/Lambda", name, statistic, 5, map[string]string{"FunctionName": d.Config.function(folder)})
}

// own is a metric that counts a log line.
func (d *deployment) own(name string) awscloudwatch.Metric {
	return metric(d.namespace(), name, "Sum", 5, nil)
}

// sum adds up at most ten metrics, over five minutes.
func sum(metrics ...awscloudwatch.Metric) awscloudwatch.IMetric { return sumOver(5, metrics...) }

// sumOver is sum over some minutes.
func sumOver(minutes float64, metrics ...awscloudwatch.Metric) awscloudwatch.IMetric {
	using := make(map[string]awscloudwatch.IMetric)
	var terms []string
	for i, m := range metrics {
		name := fmt.Sprintf("m%d", i)
		using[name] = m
		terms = append(terms, "FILL("+name+", 0)")
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(strings.Join(terms, " + ")), UsingMetrics: &using,
		Period: awscdk.Duration_Minutes(jsii.Number(minutes))})
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
	var all []alarm
	for _, some := range [][]alarm{
		d.earlyLagAlarms(), d.lateLagAlarms(), d.consumerAlarms(), d.logAlarms(), d.projectionAlarms(),
		d.capacityAlarms(), d.internalAlarms(), d.replayAlarms(),
		d.verificationAlarms(), d.effectAlarms(),
	} {
		all = append(all, some...)
	}
	return all
}

// consumer is a function that reads a stream for a number of hours at most.
type consumer struct {
	folder string
	hours  int
}

func (d *deployment) liveConsumers() []consumer {
	var all []consumer
	for _, folder := range d.deployed("pump-events", "write-state", microservice) {
		all = append(all, consumer{folder, d.RetentionHours})
	}
	return all
}

// earlyLagAlarms report within minutes that a consumer of the live path stands still.
// Records that are retried without end show in no error metric. A function that is
// called less than once a minute has no value for some minutes; so a part of the
// periods suffices. The playback consumer may lag by minutes: readers slow down for it.
func (d *deployment) earlyLagAlarms() []alarm {
	var all []alarm
	for _, c := range d.liveConsumers() {
		means := fmt.Sprintf("%s is %d minutes behind the event stream", c.folder, d.LagMinutes)
		if c.folder == "write-state" {
			means += ". After a rebuild this passes, once the new generation's consumer has read the whole stream"
		}
		all = append(all, alarm{
			name:  c.folder + "-lag-minutes",
			means: means,
			help:  doctor + "; " + d.tail(c.folder),
			metric: metric("AWS/Lambda", "IteratorAge", "Maximum", 1,
				map[string]string{"FunctionName": d.Config.function(c.folder)}),
			threshold: float64(d.LagMinutes) * 60_000, periods: float64(d.LagPeriods), within: 2 * float64(d.LagPeriods),
		})
	}
	return all
}

// lateLagAlarms warn at a quarter of a stream's retention and call for action at half:
// records that a consumer has not read by its end are lost to it. All generations
// share the alarm of write-state, which follows the slowest.
func (d *deployment) lateLagAlarms() []alarm {
	var all []alarm
	for _, c := range append(d.liveConsumers(), consumer{"apply-playback", d.PlaybackRetentionHours}) {
		for _, part := range []struct {
			name   string
			parts  int
			advice string
		}{
			{"quarter", 4, "check its errors and throttles"},
			{"half", 2, "act now: records that expire unread are lost to this consumer"},
		} {
			all = append(all, alarm{
				name: c.folder + "-lag-" + part.name,
				means: fmt.Sprintf("%s lags behind its stream by a %s of the retention of %d h: %s",
					c.folder, part.name, c.hours, part.advice),
				help:      doctor + "; " + d.tail(c.folder),
				metric:    d.ofFunction(c.folder, "IteratorAge", "Maximum"),
				threshold: float64(c.hours) * 3_600_000 / float64(part.parts), periods: 1})
		}
	}
	return all
}

// machineText is the state machine's ARN, independent of account and region.
func (d *deployment) machineText() string {
	return "arn:" + *awscdk.Aws_PARTITION() + ":states:" + *awscdk.Aws_REGION() + ":" + *awscdk.Aws_ACCOUNT_ID() +
		":stateMachine:" + d.stateMachine()
}
