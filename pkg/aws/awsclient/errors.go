package awsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// HasCode reports whether a service answered with one of the error codes.
func HasCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// IsThrottle reports whether the service refused a request because too much
// came: the request had no effect, and a retry after a pause can help. The
// codes are those that the SDK knows.
func IsThrottle(err error) bool {
	codes := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}
	return codes.IsErrorThrottle(err).Bool() || HasCode(err, "KMSThrottlingException")
}

// IsRetryable reports whether a retry can help: a throttle, a fault of the
// service, a time-out or a broken connection. But for a throttle, the request
// may have taken effect.
func IsRetryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if IsThrottle(err) {
		return true
	}
	for _, check := range retry.DefaultRetryables {
		if answer := check.IsErrorRetryable(err); answer.Bool() {
			return true
		}
	}
	return false
}

// Throttled marks a throttle with the contract's own error, so that callers
// need not know the SDK. Other errors pass as they are.
func Throttled(err, sentinel error) error {
	if IsThrottle(err) {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return err
}
