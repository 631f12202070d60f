package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
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
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
	d.dashboard(stack)
	awsevents.NewRule(stack, jsii.String("verify-schedule"), &awsevents.RuleProps{
		Description: jsii.String(
			"Schedule of the verification. It is disabled and has no target while there is no verification",
		),
		Schedule: awsevents.Schedule_Expression(jsii.String(d.VerifySchedule)), Enabled: jsii.Bool(false)})
}

// namespace is the namespace of the platform's own metrics. They have no dimensions,
// so their number does not grow with lanes or replays.
func (d *deployment) namespace() string { return "Reprise/" + d.Prefix }

func (d *deployment) countLogged(stack awscdk.Stack) {
	for _, line := range logged.Lines() {
		awslogs.NewCfnMetricFilter(stack, jsii.String("count-"+line.Metric), &awslogs.CfnMetricFilterProps{
			LogGroupName:  jsii.String("/aws/lambda/" + d.Config.function(line.Folder)),
			FilterPattern: jsii.String(line.Pattern()),
			MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
				MetricNamespace: jsii.String(d.namespace()), MetricName: jsii.String(line.Metric), MetricValue: jsii.String("1")}},
		})
	}
}
