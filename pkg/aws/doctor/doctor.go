package doctor

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"reprise/pkg/aws/settings"
)

// The calls that an examination makes. All of them only read.
type (
	identityAPI interface {
		GetCallerIdentity(
			context.Context,
			*sts.GetCallerIdentityInput,
			...func(*sts.Options),
		) (*sts.GetCallerIdentityOutput, error)
	}
	parameterAPI interface {
		GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	}
	quotaAPI interface {
		ListServiceQuotas(
			context.Context,
			*servicequotas.ListServiceQuotasInput,
			...func(*servicequotas.Options),
		) (*servicequotas.ListServiceQuotasOutput, error)
	}
	stackAPI interface {
		DescribeStacks(
			context.Context,
			*cloudformation.DescribeStacksInput,
			...func(*cloudformation.Options),
		) (*cloudformation.DescribeStacksOutput, error)
	}
	tableAPI interface {
		ListTables(context.Context, *dynamodb.ListTablesInput, ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error)
		DescribeTable(
			context.Context,
			*dynamodb.DescribeTableInput,
			...func(*dynamodb.Options),
		) (*dynamodb.DescribeTableOutput, error)
		DescribeContinuousBackups(
			context.Context,
			*dynamodb.DescribeContinuousBackupsInput,
			...func(*dynamodb.Options),
		) (*dynamodb.DescribeContinuousBackupsOutput, error)
		GetResourcePolicy(
			context.Context,
			*dynamodb.GetResourcePolicyInput,
			...func(*dynamodb.Options),
		) (*dynamodb.GetResourcePolicyOutput, error)
	}
	streamAPI interface {
		DescribeLimits(
			context.Context,
			*kinesis.DescribeLimitsInput,
			...func(*kinesis.Options),
		) (*kinesis.DescribeLimitsOutput, error)
		DescribeStreamSummary(
			context.Context,
			*kinesis.DescribeStreamSummaryInput,
			...func(*kinesis.Options),
		) (*kinesis.DescribeStreamSummaryOutput, error)
	}
	functionAPI interface {
		GetAccountSettings(
			context.Context,
			*lambda.GetAccountSettingsInput,
			...func(*lambda.Options),
		) (*lambda.GetAccountSettingsOutput, error)
		ListEventSourceMappings(
			context.Context,
			*lambda.ListEventSourceMappingsInput,
			...func(*lambda.Options),
		) (*lambda.ListEventSourceMappingsOutput, error)
	}
	machineAPI interface {
		DescribeStateMachine(
			context.Context,
			*sfn.DescribeStateMachineInput,
			...func(*sfn.Options),
		) (*sfn.DescribeStateMachineOutput, error)
	}
	alarmAPI interface {
		DescribeAlarms(
			context.Context,
			*cloudwatch.DescribeAlarmsInput,
			...func(*cloudwatch.Options),
		) (*cloudwatch.DescribeAlarmsOutput, error)
	}
)

// Doctor examines one account and region. It changes nothing.
type Doctor struct {
	Region string
	Names  settings.Names

	identity   identityAPI
	parameters parameterAPI
	quotas     quotaAPI
	stacks     stackAPI
	tables     tableAPI
	streams    streamAPI
	functions  functionAPI
	machines   machineAPI
	alarms     alarmAPI
}

// New returns a doctor with the credentials of the environment, and with its region
// if region is "". It makes no call.
func New(ctx context.Context, region string, names settings.Names) (*Doctor, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("configure clients: %w", err)
	}
	return &Doctor{
		Region:     cfg.Region,
		Names:      names,
		identity:   sts.NewFromConfig(cfg),
		parameters: ssm.NewFromConfig(cfg),
		quotas:     servicequotas.NewFromConfig(cfg),
		stacks:     cloudformation.NewFromConfig(cfg),
		tables:     dynamodb.NewFromConfig(cfg),
		streams:    kinesis.NewFromConfig(cfg),
		functions:  lambda.NewFromConfig(cfg),
		machines:   sfn.NewFromConfig(cfg),
		alarms:     cloudwatch.NewFromConfig(cfg),
	}, nil
}

// Examine examines everything that it can read. What it cannot read is a finding, not
// an error.
func (d *Doctor) Examine(ctx context.Context) Report {
	r := Report{Region: d.Region, Prefix: d.Names.Prefix(), Findings: []Finding{}}
	if d.Region == "" {
		r.add(Mend, "region", "is not set", "set --region or AWS_REGION")
		return r
	}
	who, err := d.identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		r.add(
			Mend,
			"credentials",
			"are not accepted: "+err.Error(),
			"sign in, or set AWS_PROFILE; aws sts get-caller-identity shows who you are",
		)
		return r
	}
	r.Account = aws.ToString(who.Account)
	d.deployment(ctx, &r, d.account(ctx, &r, aws.ToString(who.Arn)))
	return r
}
