package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// The environment variables of functions, as package settings names them.
const (
	envPrefix          = "REPRISE_PREFIX"
	envLanes           = "REPRISE_LANES"
	envBucket          = "REPRISE_BUCKET"
	envRetention       = "REPRISE_RETENTION_HOURS"
	envStateMachine    = "REPRISE_STATE_MACHINE_ARN"
	envWriteVersion    = "REPRISE_WRITE_VERSION"
	envParallelization = "REPRISE_PARALLELIZATION"
	envReaders         = "REPRISE_READERS"
	envFullEvery       = "REPRISE_VERIFY_FULL_EVERY"
	envBatching        = "REPRISE_BATCHING_SECONDS"
	envSystems         = "REPRISE_SYSTEMS"
)

// functionSpec is what differs between functions.
type functionSpec struct {
	folder string
	// memory is in MB; CPU is proportional to it.
	memory float64
	// timeout is in seconds. A step's is shorter than that of its task in the
	// state machine, so that the step reports its own error.
	timeout float64
	// reserved is its reserved concurrency, 0 for none.
	reserved int
	// env adds variables to those that every function has.
	env map[string]*string
	// statements are its permissions besides its own logs.
	statements []awsiam.PolicyStatement
}

// newFunction adds a function with its own role and log group.
func (d *deployment) newFunction(stack awscdk.Stack, spec functionSpec) awslambda.Function {
	name := d.Config.function(spec.folder)
	id := func(suffix string) *string { return jsii.String(spec.folder + suffix) }
	logs := awslogs.NewLogGroup(stack, id("-logs"), &awslogs.LogGroupProps{
		LogGroupName: jsii.String("/aws/lambda/" + name), Retention: retention(d.LogDays),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	role := awsiam.NewRole(stack, id("-role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)})
	role.AddToPolicy(allow(actions("logs:CreateLogStream", "logs:PutLogEvents"),
		arn(stack, "logs", "log-group:/aws/lambda/"+name+":*")))
	for _, statement := range spec.statements {
		role.AddToPolicy(statement)
	}
	env := map[string]*string{
		envPrefix: jsii.String(d.Prefix), envLanes: jsii.String(strconv.Itoa(d.Lanes)),
		envBucket: jsii.String(d.Bucket), envRetention: jsii.String(strconv.Itoa(d.RetentionHours)),
	}
	for key, value := range spec.env {
		env[key] = value
	}
	var reserved *float64
	if spec.reserved > 0 {
		reserved = jsii.Number(float64(spec.reserved))
	}
	tracing := awslambda.Tracing_ACTIVE
	if d.Tracing == "off" {
		tracing = awslambda.Tracing_DISABLED
	}
	return awslambda.NewFunction(stack, jsii.String(spec.folder), &awslambda.FunctionProps{
		FunctionName: jsii.String(name), Description: jsii.String("reprise " + spec.folder),
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Architecture: awslambda.Architecture_ARM_64(),
		Handler: jsii.String("bootstrap"), Code: awslambda.Code_FromAsset(jsii.String(d.assets(spec.folder)), nil),
		MemorySize: jsii.Number(spec.memory), Timeout: awscdk.Duration_Seconds(jsii.Number(spec.timeout)),
		ReservedConcurrentExecutions: reserved, Tracing: tracing,
		Environment: &env, Role: role, LogGroup: logs, LoggingFormat: awslambda.LoggingFormat_JSON,
		// A replaced version is still in use: one of write-state by generations
		// with its projections, one of a step by executions that began with it.
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN},
	})
}

// retention returns the constant of the CDK for a number of days.
func retention(days int) awslogs.RetentionDays {
	return map[int]awslogs.RetentionDays{
		1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
		7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
		60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
		150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
		400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS,
		731: awslogs.RetentionDays_TWO_YEARS, 1096: awslogs.RetentionDays_THREE_YEARS, 1827: awslogs.RetentionDays_FIVE_YEARS,
		2192: awslogs.RetentionDays_SIX_YEARS, 2557: awslogs.RetentionDays_SEVEN_YEARS,
		2922: awslogs.RetentionDays_EIGHT_YEARS,
		3288: awslogs.RetentionDays_NINE_YEARS, 3653: awslogs.RetentionDays_TEN_YEARS,
	}[days]
}

// The settings of every mapping of a Kinesis stream. Completeness needs endless retry:
// with a limit, Lambda discards a record and goes on. Batches are not halved, since
// the code sets aside what it cannot apply. TRIM_HORIZON, because polling may start
// minutes after creation and LATEST can miss records. The functions' package consumers
// has the same settings; a test compares the two.
const (
	forever         = -1
	batchSize       = 1000
	batchingSeconds = 1
)

func (d *deployment) mapStream(stack awscdk.Stack, f awslambda.Function, folder, stream string, parallelization int) {
	mapping := awslambda.NewCfnEventSourceMapping(
		stack,
		jsii.String(folder+"-mapping"),
		&awslambda.CfnEventSourceMappingProps{
			FunctionName:                   f.FunctionName(),
			EventSourceArn:                 streamARN(stack, stream),
			StartingPosition:               jsii.String("TRIM_HORIZON"),
			BatchSize:                      jsii.Number(batchSize),
			MaximumBatchingWindowInSeconds: jsii.Number(batchingSeconds),
			ParallelizationFactor:          jsii.Number(float64(parallelization)),
			MaximumRetryAttempts:           jsii.Number(forever),
			MaximumRecordAgeInSeconds:      jsii.Number(forever),
			BisectBatchOnFunctionError:     jsii.Bool(false),
			FunctionResponseTypes:          jsii.Strings("ReportBatchItemFailures"),
		},
	)
	// The role can read the stream only once its policy exists.
	mapping.Node().AddDependency(f.Role())
}
