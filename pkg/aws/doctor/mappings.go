package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// consumers examines the consumers of every source and their settings.
func (d *Doctor) consumers(ctx context.Context, r *Report, service bool) {
	ofEvents := []string{"pump-events", "write-state"}
	if service {
		ofEvents = append(ofEvents, "run-microservice")
	}
	d.consumersOf(ctx, r, d.streamARN(ctx, r, d.Names.EventStream()), ofEvents...)
	d.consumersOf(ctx, r, d.streamARN(ctx, r, d.Names.PlaybackStream()), "apply-playback")
	name := d.Names.EventsTable()
	out, err := d.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err == nil { // table reports an error
		d.consumersOf(ctx, r, aws.ToString(out.Table.LatestStreamArn), "watch-log")
	}
}

// streamARN returns a stream's ARN. If it cannot be read, it adds a finding and returns
// "".
func (d *Doctor) streamARN(ctx context.Context, r *Report, name string) string {
	out, err := d.streams.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		r.unread("stream "+name, err)
		return ""
	}
	summary := out.StreamDescriptionSummary
	r.add(
		Fine,
		"stream "+name,
		fmt.Sprintf("%d shards, %d h", aws.ToInt32(summary.OpenShardCount), aws.ToInt32(summary.RetentionPeriodHours)),
		"",
	)
	return aws.ToString(summary.StreamARN)
}

func (d *Doctor) consumersOf(ctx context.Context, r *Report, source string, folders ...string) {
	if source == "" {
		return
	}
	byFunction := make(map[string][]types.EventSourceMappingConfiguration)
	pages := lambda.NewListEventSourceMappingsPaginator(
		d.functions,
		&lambda.ListEventSourceMappingsInput{EventSourceArn: &source},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.unread("consumers of "+source, err)
			return
		}
		for _, m := range page.EventSourceMappings {
			name, _ := functionOf(aws.ToString(m.FunctionArn))
			byFunction[name] = append(byFunction[name], m)
		}
	}
	for _, folder := range folders {
		mappings := byFunction[d.Names.Function(folder)]
		if len(mappings) == 0 {
			do := redeploy
			if folder == "write-state" {
				do = "keep-consumers creates it within five minutes; if not, its log says why"
			}
			r.add(Mend, "consumer "+folder, "has no event source mapping, so it receives no records", do)
		}
		for _, m := range mappings {
			r.mapping(folder, m)
		}
	}
}

// functionOf returns the function name and alias in an ARN.
func functionOf(arn string) (name, alias string) {
	_, rest, _ := strings.Cut(arn, ":function:")
	name, alias, _ = strings.Cut(rest, ":")
	return name, alias
}

// mapping examines a mapping: whether it runs, never gives up on a record, and keeps
// order.
func (r *Report) mapping(folder string, m types.EventSourceMappingConfiguration) {
	subject := "consumer " + folder
	if _, alias := functionOf(aws.ToString(m.FunctionArn)); alias != "" {
		subject += " of generation " + alias
	}
	state := aws.ToString(m.State)
	if slices.Contains([]string{"Creating", "Enabling", "Updating", "Deleting"}, state) {
		r.add(Note, subject, "is "+strings.ToLower(state), "check again in a few minutes")
		return
	}
	var wrong []string
	if state != "Enabled" {
		wrong = append(wrong, "is "+strings.ToLower(state))
	}
	if aws.ToInt32(m.MaximumRetryAttempts) != -1 || aws.ToInt32(m.MaximumRecordAgeInSeconds) != -1 {
		wrong = append(
			wrong,
			fmt.Sprintf(
				"gives up on records after %d retries or %d s",
				aws.ToInt32(m.MaximumRetryAttempts),
				aws.ToInt32(m.MaximumRecordAgeInSeconds),
			),
		)
	}
	if folder == "watch-log" {
		if !watchesChanges(m) {
			wrong = append(wrong, "is not filtered to changes and removals")
		}
	} else {
		if aws.ToBool(m.BisectBatchOnFunctionError) {
			wrong = append(wrong, "splits batches after errors")
		}
		if !slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures) {
			wrong = append(wrong, "does not report which records failed")
		}
	}
	r.expect(
		subject,
		"runs and never gives up on a record",
		redeploy+" restores it; keep-consumers does for a generation",
		wrong,
	)
}

func watchesChanges(m types.EventSourceMappingConfiguration) bool {
	if m.FilterCriteria == nil || len(m.FilterCriteria.Filters) != 1 {
		return false
	}
	pattern := aws.ToString(m.FilterCriteria.Filters[0].Pattern)
	return strings.Contains(pattern, "MODIFY") && strings.Contains(pattern, "REMOVE") &&
		!strings.Contains(pattern, "INSERT")
}
