package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	bootstrapParameter = "/cdk-bootstrap/hnb659fds/version"
	// minBootstrap is the version that the templates require (their rule
	// CheckBootstrapVersion).
	minBootstrap = 6
	// fewest is the concurrency for which the stacks' defaults are made: a new account
	// may have no more. Below fewConcurrent, replays and large batches take long.
	fewest        = 10
	fewConcurrent = 100
	// newShards and newTables are what a deploy adds, with three generations: the
	// active one, the rollback target, and one being rebuilt.
	newShards = 2
	newTables = 5
)

// account examines what a first deploy needs. It returns the account's limit of
// concurrent executions, 0 if that is unknown.
func (d *Doctor) account(ctx context.Context, r *Report, arn string) (concurrency int) {
	if partition := strings.Split(arn+":", ":")[1]; partition != "aws" {
		r.add(
			Mend,
			"region",
			"is in the partition "+partition,
			"choose a region in the partition aws, which the state machine requires",
		)
	} else {
		r.add(Fine, "credentials", arn, "")
	}
	d.bootstrap(ctx, r)
	concurrency = d.concurrency(ctx, r)
	d.shards(ctx, r)
	d.tableQuota(ctx, r)
	return concurrency
}

func (d *Doctor) bootstrap(ctx context.Context, r *Report) {
	const subject = "bootstrap"
	out, err := d.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(bootstrapParameter)})
	if _, missing := errors.AsType[*types.ParameterNotFound](err); missing {
		r.add(
			Mend,
			subject,
			"the CDK is not bootstrapped here",
			fmt.Sprintf("cdk bootstrap aws://%s/%s", r.Account, r.Region),
		)
		return
	}
	if err != nil {
		r.unread(subject, err)
		return
	}
	version, err := strconv.Atoi(aws.ToString(out.Parameter.Value))
	if err != nil || version < minBootstrap {
		r.add(
			Mend,
			subject,
			fmt.Sprintf("version %q, but at least %d is needed", aws.ToString(out.Parameter.Value), minBootstrap),
			"cdk bootstrap",
		)
		return
	}
	r.add(Fine, subject, fmt.Sprintf("version %d", version), "")
}

func (d *Doctor) concurrency(ctx context.Context, r *Report) (limit int) {
	const subject = "Lambda concurrency"
	out, err := d.functions.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil || out.AccountLimit == nil {
		r.unread(subject, cmp.Or(err, errNoLimit))
		return 0
	}
	limit = int(out.AccountLimit.ConcurrentExecutions)
	unreserved := aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions)
	says := fmt.Sprintf("%d concurrent executions, %d unreserved", limit, unreserved)
	switch {
	case unreserved < fewest:
		r.add(Mend, subject, fmt.Sprintf("%s: the platform needs %d", says, fewest),
			"ask Service Quotas for 1,000 concurrent executions, or reserve fewer for other functions")
	case unreserved < fewConcurrent:
		r.add(Note, subject,
			fmt.Sprintf("%s: the defaults, which are made for %d, run here with one batch per shard at a time and "+
				"two readers of a replay", says, fewest),
			"ask Service Quotas for 1,000 concurrent executions, then set reprise:concurrency to 1000 in cdk.json and deploy")
	default:
		r.add(Fine, subject, fmt.Sprintf("%s: reprise:concurrency may be up to %d", says, unreserved), "")
	}
	return limit
}

var errNoLimit = errors.New("the answer contains no limit")

func (d *Doctor) shards(ctx context.Context, r *Report) {
	const subject = "Kinesis shards"
	out, err := d.streams.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
	if err != nil {
		r.unread(subject, err)
		return
	}
	open, limit := aws.ToInt32(out.OpenShardCount), aws.ToInt32(out.ShardLimit)
	says := fmt.Sprintf("%d of %d are used", open, limit)
	if open+newShards > limit {
		r.add(Note, subject, says, "ask Service Quotas for more before you deploy or add shards")
		return
	}
	r.add(Fine, subject, says, "")
}

func (d *Doctor) tableQuota(ctx context.Context, r *Report) {
	const subject = "DynamoDB tables"
	used := 0
	tables := dynamodb.NewListTablesPaginator(d.tables, &dynamodb.ListTablesInput{})
	for tables.HasMorePages() {
		page, err := tables.NextPage(ctx)
		if err != nil {
			r.unread(subject, err)
			return
		}
		used += len(page.TableNames)
	}
	limit, err := d.tableLimit(ctx)
	if err != nil {
		r.unread(subject, err)
		return
	}
	says := fmt.Sprintf("%d of %.0f are used", used, limit)
	if limit == 0 {
		says = fmt.Sprintf("%d are used; the quota is unknown", used)
	} else if float64(used+newTables) > limit {
		r.add(Note, subject, says, "ask Service Quotas for more: each rebuild creates a table")
		return
	}
	r.add(Fine, subject, says, "")
}

// tableLimit returns the quota with the known name, 0 if there is none.
func (d *Doctor) tableLimit(ctx context.Context) (float64, error) {
	pages := servicequotas.NewListServiceQuotasPaginator(
		d.quotas,
		&servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("dynamodb")},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, quota := range page.Quotas {
			if strings.Contains(strings.ToLower(aws.ToString(quota.QuotaName)), "number of tables") {
				return aws.ToFloat64(quota.Value), nil
			}
		}
	}
	return 0, nil
}
