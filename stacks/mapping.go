package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

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
