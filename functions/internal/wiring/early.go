package wiring

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/pkg/aws/awsclient"
)

// answerTime is what is left of an invocation when its context ends: time to
// report what is undone, where Lambda would report nothing but a time-out and
// the whole batch would come again.
const answerTime = 2 * time.Second

// early ends the context of every invocation before Lambda ends the process.
type early struct{ lambda.Handler }

// Early is a handler whose invocations see their context end two seconds
// before Lambda's time limit.
func Early(h lambda.Handler) lambda.Handler { return early{h} }

// Invoke implements lambda.Handler.
func (e early) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := awsclient.Early(ctx, answerTime)
	defer cancel()
	return e.Handler.Invoke(ctx, payload)
}
