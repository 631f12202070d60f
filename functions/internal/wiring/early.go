package wiring

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/pkg/aws/awsclient"
)

// answerTime is the time between the end of the context and Lambda's time limit. It
// lets a function report which records are not done; after a timeout, Lambda would
// retry the whole batch.
const answerTime = 2 * time.Second

// early ends the context of every invocation before Lambda ends the process.
type early struct{ lambda.Handler }

// Early returns a handler whose contexts end two seconds before Lambda's time limit.
func Early(h lambda.Handler) lambda.Handler { return early{h} }

// Invoke implements lambda.Handler.
func (e early) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := awsclient.Early(ctx, answerTime)
	defer cancel()
	return e.Handler.Invoke(ctx, payload)
}
