package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// dashboard adds a dashboard that shows the path of events from left to right.
func (d *deployment) dashboard(stack awscdk.Stack) {
	board := awscloudwatch.NewDashboard(stack, jsii.String("dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: inRegion(stack, d.Prefix), DefaultInterval: awscdk.Duration_Hours(jsii.Number(3))})
	consumers := []string{"pump-events", "write-state", "run-microservice", "apply-playback"}
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
		for _, name := range names {
			all = append(all, d.own(name))
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
