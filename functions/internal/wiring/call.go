package wiring

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// caller returns a function that calls a Lambda function without waiting for it.
func caller(api interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}, function string,
) func(context.Context) error {
	return func(ctx context.Context) error {
		in := &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent}
		if _, err := api.Invoke(ctx, in); err != nil {
			return fmt.Errorf("call %s: %w", function, err)
		}
		return nil
	}
}
