package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	quotatypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"reprise/pkg/aws/settings"
)

var errDenied = errors.New("access denied")

const soundPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Resource":"*",
	"Action":["dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:BatchWriteItem","dynamodb:PartiQLInsert",
		"dynamodb:PartiQLUpdate","dynamodb:PartiQLDelete","dynamodb:UpdateTimeToLive"]}]}`

// world is an account, as its services describe it.
type world struct {
	region, partition, bootstrap, policy, machineStatus string
	settings                                            string
	concurrency, openShards                             int32
	tableQuota                                          float64
	stackStatus                                         map[string]string
	unprotected, noRecovery, noLogStream, keepsKeys     bool
	raised, silent, noAlarms                            bool
	mappings                                            []types.EventSourceMappingConfiguration
	fail                                                map[string]error
}

const prefixARN = "arn:aws:lambda:eu-west-1:123456789012:function:reprise-"

func sound(source, function string) types.EventSourceMappingConfiguration {
	return types.EventSourceMappingConfiguration{EventSourceArn: &source, FunctionArn: aws.String(prefixARN + function),
		State: aws.String("Enabled"), MaximumRetryAttempts: aws.Int32(-1), MaximumRecordAgeInSeconds: aws.Int32(-1),
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}}
}

// newWorld is an account with a sound deployment.
func newWorld() *world {
	w := &world{
		settings: `{"lanes":64,"bucket":"day","shards":3,"playbackShards":1,"concurrency":1000,"service":true,
			"personal":true}`,
		region:        "eu-west-1",
		partition:     "aws",
		bootstrap:     "28",
		policy:        soundPolicy,
		machineStatus: "ACTIVE",
		concurrency:   1000,
		openShards:    2,
		tableQuota:    2500,
		stackStatus:   make(map[string]string),
		fail:          make(map[string]error),
		mappings: []types.EventSourceMappingConfiguration{
			sound("reprise-event-stream", "pump-events"), sound("reprise-event-stream", "run-microservice"),
			sound("reprise-event-stream", "write-state:g0001"), sound("reprise-playback", "apply-playback"),
			sound("log", "watch-log"),
		},
	}
	w.mappings[4].FunctionResponseTypes = nil
	w.mappings[4].FilterCriteria = &types.FilterCriteria{
		Filters: []types.Filter{{Pattern: aws.String(`{"eventName":["MODIFY","REMOVE"]}`)}},
	}
	for _, kind := range settings.Stacks() {
		w.stackStatus["reprise-"+kind] = "UPDATE_COMPLETE"
	}
	return w
}

func (w *world) GetCallerIdentity(
	context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options),
) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012"),
		Arn: aws.String("arn:" + w.partition + ":sts::123456789012:assumed-role/deploy/me")}, w.fail["identity"]
}

func (w *world) GetParameter(
	context.Context, *ssm.GetParameterInput, ...func(*ssm.Options),
) (*ssm.GetParameterOutput, error) {
	if w.bootstrap == "" {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &w.bootstrap}}, nil
}

func (w *world) ListServiceQuotas(
	context.Context, *servicequotas.ListServiceQuotasInput, ...func(*servicequotas.Options),
) (*servicequotas.ListServiceQuotasOutput, error) {
	return &servicequotas.ListServiceQuotasOutput{
		Quotas: []quotatypes.ServiceQuota{{QuotaName: aws.String("Maximum number of tables"), Value: &w.tableQuota}},
	}, nil
}

func (w *world) DescribeStacks(
	_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options),
) (*cloudformation.DescribeStacksOutput, error) {
	status, found := w.stackStatus[*in.StackName]
	if !found {
		return nil, &smithy.GenericAPIError{
			Code:    "ValidationError",
			Message: "Stack with id " + *in.StackName + " does not exist",
		}
	}
	stack := cloudformationtypes.Stack{StackStatus: cloudformationtypes.StackStatus(status)}
	if *in.StackName == "reprise-data" && w.settings != "" {
		stack.Outputs = []cloudformationtypes.Output{{OutputKey: aws.String("settings"), OutputValue: &w.settings}}
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []cloudformationtypes.Stack{stack}}, nil
}

func (w *world) ListTables(
	context.Context, *dynamodb.ListTablesInput, ...func(*dynamodb.Options),
) (*dynamodb.ListTablesOutput, error) {
	return &dynamodb.ListTablesOutput{TableNames: []string{"reprise-events", "reprise-control"}}, nil
}

func (w *world) DescribeTable(
	_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeTableOutput, error) {
	table := &dynamodbtypes.TableDescription{
		TableName:                 in.TableName,
		TableArn:                  in.TableName,
		DeletionProtectionEnabled: aws.Bool(!w.unprotected),
		LatestStreamArn:           aws.String("log"),
		StreamSpecification:       &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(true)},
	}
	if w.noLogStream {
		table.StreamSpecification, table.LatestStreamArn = nil, nil
	}
	return &dynamodb.DescribeTableOutput{Table: table}, nil
}

func (w *world) DescribeContinuousBackups(
	_ context.Context, in *dynamodb.DescribeContinuousBackupsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	status := dynamodbtypes.PointInTimeRecoveryStatusEnabled
	if w.noRecovery || (*in.TableName == "reprise-keys" && !w.keepsKeys) {
		status = dynamodbtypes.PointInTimeRecoveryStatusDisabled
	}
	return &dynamodb.DescribeContinuousBackupsOutput{
		ContinuousBackupsDescription: &dynamodbtypes.ContinuousBackupsDescription{
			PointInTimeRecoveryDescription: &dynamodbtypes.PointInTimeRecoveryDescription{
				PointInTimeRecoveryStatus: status,
			},
		},
	}, nil
}

func (w *world) GetResourcePolicy(
	context.Context, *dynamodb.GetResourcePolicyInput, ...func(*dynamodb.Options),
) (*dynamodb.GetResourcePolicyOutput, error) {
	if w.policy == "" {
		return nil, &dynamodbtypes.PolicyNotFoundException{}
	}
	return &dynamodb.GetResourcePolicyOutput{Policy: &w.policy}, nil
}

func (w *world) DescribeLimits(
	context.Context, *kinesis.DescribeLimitsInput, ...func(*kinesis.Options),
) (*kinesis.DescribeLimitsOutput, error) {
	return &kinesis.DescribeLimitsOutput{OpenShardCount: &w.openShards, ShardLimit: aws.Int32(500)}, w.fail["limits"]
}

func (w *world) DescribeStreamSummary(
	_ context.Context, in *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options),
) (*kinesis.DescribeStreamSummaryOutput, error) {
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &kinesistypes.StreamDescriptionSummary{
		StreamARN: in.StreamName, OpenShardCount: aws.Int32(1), RetentionPeriodHours: aws.Int32(168)}}, w.fail["stream"]
}

func (w *world) GetAccountSettings(
	context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options),
) (*lambda.GetAccountSettingsOutput, error) {
	return &lambda.GetAccountSettingsOutput{AccountLimit: &types.AccountLimit{ConcurrentExecutions: w.concurrency,
		UnreservedConcurrentExecutions: &w.concurrency}}, nil
}

func (w *world) ListEventSourceMappings(
	_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	out := &lambda.ListEventSourceMappingsOutput{}
	for _, m := range w.mappings {
		if *m.EventSourceArn == *in.EventSourceArn {
			out.EventSourceMappings = append(out.EventSourceMappings, m)
		}
	}
	return out, nil
}

func (w *world) DescribeStateMachine(
	_ context.Context, in *sfn.DescribeStateMachineInput, _ ...func(*sfn.Options),
) (*sfn.DescribeStateMachineOutput, error) {
	if !strings.HasSuffix(*in.StateMachineArn, ":123456789012:stateMachine:reprise-replay") {
		return nil, errors.New("there is no " + *in.StateMachineArn)
	}
	return &sfn.DescribeStateMachineOutput{Status: sfntypes.StateMachineStatus(w.machineStatus)}, w.fail["machine"]
}

func (w *world) DescribeAlarms(
	context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options),
) (*cloudwatch.DescribeAlarmsOutput, error) {
	if w.noAlarms {
		return &cloudwatch.DescribeAlarmsOutput{}, nil
	}
	alarm := cloudwatchtypes.MetricAlarm{
		AlarmName:        aws.String("reprise-log-changed"),
		AlarmDescription: aws.String("look at it"),
		ActionsEnabled:   aws.Bool(!w.silent),
		AlarmActions:     []string{"topic"},
		StateValue:       cloudwatchtypes.StateValueOk,
	}
	if w.raised {
		alarm.StateValue = cloudwatchtypes.StateValueAlarm
	}
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cloudwatchtypes.MetricAlarm{alarm}}, nil
}
