package doctor

import (
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
	// minBootstrap is what the templates ask for (their rule
	// CheckBootstrapVersion).
	minBootstrap = 6
	// fewConcurrent is where consumers, readers and requests begin to take each
	// other's room; a new account may have 10.
	fewConcurrent = 100
	// newShards and newTables are what a first deploy and one rebuild beside the
	// active generation and the one to go back to add.
	newShards = 2
	newTables = 5
)

// account looks at what a deploy needs before there is one.
func (d *Doctor) account(ctx context.Context, r *Report, arn string) {
	if partition := strings.Split(arn+":", ":")[1]; partition != "aws" {
		r.add(Mend, "region", "is in the partition "+partition, "the state machine names its resources in the partition aws: choose a region there")
	} else {
		r.add(Fine, "credentials", arn, "")
	}
	d.bootstrap(ctx, r)
	d.concurrency(ctx, r)
	d.shards(ctx, r)
	d.tableQuota(ctx, r)
}

func (d *Doctor) bootstrap(ctx context.Context, r *Report) {
	const subject = "bootstrap"
	out, err := d.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(bootstrapParameter)})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		r.add(Mend, subject, "the CDK is not bootstrapped here", fmt.Sprintf("cdk bootstrap aws://%s/%s", r.Account, r.Region))
		return
	}
	if err != nil {
		r.unread(subject, err)
		return
	}
	version, err := strconv.Atoi(aws.ToString(out.Parameter.Value))
	if err != nil || version < minBootstrap {
		r.add(Mend, subject, fmt.Sprintf("version %q, at least %d is needed", aws.ToString(out.Parameter.Value), minBootstrap), "cdk bootstrap")
		return
	}
	r.add(Fine, subject, fmt.Sprintf("version %d", version), "")
}

func (d *Doctor) concurrency(ctx context.Context, r *Report) {
	const subject = "Lambda concurrency"
	out, err := d.functions.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil || out.AccountLimit == nil {
		r.unread(subject, errors.Join(err, absent(err == nil, "no limit was told")))
		return
	}
	says := fmt.Sprintf("%d at once, %d not reserved", out.AccountLimit.ConcurrentExecutions, aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions))
	if aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions) < fewConcurrent {
		r.add(Note, subject, says, "ask Service Quotas for 1,000 concurrent executions; until then consumers and readers take each other's room")
		return
	}
	r.add(Fine, subject, says, "")
}

func absent(is bool, says string) error {
	if is {
		return errors.New(says)
	}
	return nil
}

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
		says = fmt.Sprintf("%d are used; the quota was not told", used)
	} else if float64(used+newTables) > limit {
		r.add(Note, subject, says, "ask Service Quotas for more: each rebuild makes a table")
		return
	}
	r.add(Fine, subject, says, "")
}

// tableLimit goes by the quota's name, 0 where there is none of that name.
func (d *Doctor) tableLimit(ctx context.Context) (float64, error) {
	pages := servicequotas.NewListServiceQuotasPaginator(d.quotas, &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("dynamodb")})
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
