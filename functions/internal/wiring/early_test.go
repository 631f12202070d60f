package wiring

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

func TestAnInvocationIsToldToEndBeforeLambdaEndsIt(t *testing.T) {
	limit := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := make(map[string]time.Time)
	handler := Early(lambda.NewHandler(func(ctx context.Context, name string) error {
		seen[name], _ = ctx.Deadline()
		return nil
	}))
	bounded, cancel := context.WithDeadline(t.Context(), limit)
	defer cancel()
	for name, ctx := range map[string]context.Context{"bounded": bounded, "unbounded": t.Context()} {
		if _, err := handler.Invoke(ctx, []byte(`"`+name+`"`)); err != nil {
			t.Fatal(err)
		}
	}
	if !seen["bounded"].Equal(limit.Add(-2*time.Second)) || !seen["unbounded"].IsZero() {
		t.Errorf("deadlines %v", seen)
	}
}
