package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"reprise/stacks/logged"
)

// operations adds the alarms, their topic and the dashboard.
func (d *deployment) operations(stack awscdk.Stack) {
	topic := awssns.NewTopic(
		stack,
		jsii.String("alarms"),
		&awssns.TopicProps{TopicName: jsii.String(d.Prefix + "-alarms")},
	)
	if d.AlarmEmail != "" {
		awssns.NewCfnSubscription(stack, jsii.String("alarm-email"), &awssns.CfnSubscriptionProps{
			TopicArn: topic.TopicArn(), Protocol: jsii.String("email"), Endpoint: jsii.String(d.AlarmEmail)})
	}
	d.countLogged(stack)
	for _, a := range d.alarms() {
		alarm := awscloudwatch.NewAlarm(stack, jsii.String(a.name), &awscloudwatch.AlarmProps{
			AlarmName: jsii.String(d.Prefix + "-" + a.name), AlarmDescription: jsii.String(a.means + ". Commands: " + a.help),
			Metric: a.metric, Threshold: jsii.Number(a.threshold),
			EvaluationPeriods: jsii.Number(max(a.periods, a.within)), DatapointsToAlarm: jsii.Number(a.periods),
			ComparisonOperator: a.comparison(),
			TreatMissingData:   a.missing(),
		})
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
	d.dashboard(stack)
}

// namespace is the namespace of the platform's own metrics. They have no dimensions,
// so their number does not grow with lanes or replays.
func (d *deployment) namespace() string { return "Reprise/" + d.Prefix }

// lines are the log lines of functions that are deployed.
func (d *deployment) lines() []logged.Line {
	return slices.DeleteFunc(logged.Lines(), func(line logged.Line) bool { return len(d.deployed(line.Folder)) == 0 })
}

func (d *deployment) countLogged(stack awscdk.Stack) {
	for _, line := range d.lines() {
		awslogs.NewCfnMetricFilter(stack, jsii.String("count-"+line.Metric), &awslogs.CfnMetricFilterProps{
			LogGroupName:  jsii.String("/aws/lambda/" + d.Config.function(line.Folder)),
			FilterPattern: jsii.String(line.Pattern()),
			MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
				MetricNamespace: jsii.String(d.namespace()), MetricName: jsii.String(line.Metric), MetricValue: jsii.String("1")}},
		})
	}
}

// dashboard adds a dashboard that shows the path of events from left to right.
func (d *deployment) dashboard(stack awscdk.Stack) {
	board := awscloudwatch.NewDashboard(stack, jsii.String("dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: inRegion(stack, d.Prefix), DefaultInterval: awscdk.Duration_Hours(jsii.Number(3))})
	consumers := d.deployed("pump-events", "write-state", microservice, "apply-playback")
	graph := func(title string, metrics ...awscloudwatch.Metric) awscloudwatch.IWidget {
		var left []awscloudwatch.IMetric
		for _, m := range metrics {
			left = append(left, m)
		}
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{Title: jsii.String(title), Left: &left,
			Width: jsii.Number(8), Height: jsii.Number(6)})
	}
	ofEach := func(folders []string, name, statistic string) []awscloudwatch.Metric {
		var all []awscloudwatch.Metric
		for _, folder := range folders {
			all = append(all, d.ofFunction(folder, name, statistic))
		}
		return all
	}
	stream := func(name, stream string) awscloudwatch.Metric {
		return metric("AWS/Kinesis", name, "Sum", 5, map[string]string{"StreamName": stream})
	}
	counts := func(names ...string) []awscloudwatch.Metric {
		var all []awscloudwatch.Metric
		for _, line := range d.lines() {
			if slices.Contains(names, line.Metric) {
				all = append(all, d.own(line.Metric))
			}
		}
		return all
	}
	replays := func(name string) awscloudwatch.Metric {
		return metric("AWS/States", name, "Sum", 5, map[string]string{"StateMachineArn": d.machineText()})
	}
	board.AddWidgets(
		graph("Requests", ofEach([]string{"load-events", "import-events", "serve-api"}, "Invocations", "Sum")...),
		graph(
			"Bytes into the streams",
			stream("IncomingBytes", d.eventStream()),
			stream("IncomingBytes", d.playbackStream()),
		),
		graph("Lag behind the streams (ms)", ofEach(consumers, "IteratorAge", "Maximum")...),
	)
	board.AddWidgets(
		graph("Errors", ofEach(append([]string{"load-events", "serve-api"}, consumers...), "Errors", "Sum")...),
		graph("Throttles", ofEach(append([]string{"load-events"}, consumers...), "Throttles", "Sum")...),
		graph("Retried and set aside", counts("PumpRetried", "WriteRetried", "MicroserviceRetried", "PlaybackRetried",
			"Quarantined", "Foreign", "SetAside", "Lost", "Dropped")...))
	board.AddWidgets(
		graph(
			"Replays",
			replays("ExecutionsStarted"),
			replays("ExecutionsSucceeded"),
			replays("ExecutionsFailed"),
			replays("ExecutionsAborted"),
		),
		graph(
			"Reading the log",
			d.ofFunction("read-segment", "Invocations", "Sum"),
			d.ofFunction("read-segment", "Errors", "Sum"),
		),
		graph("Changes of the log (never any)", d.ofFunction("watch-log", "Invocations", "Sum")),
	)
}
