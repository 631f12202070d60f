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

// IsThrottle reports whether the service refused a request because there were too
// many: the request had no effect, and a later retry can help. It knows the codes
// that the SDK knows.
func IsThrottle(err error) bool {
	codes := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}
	return codes.IsErrorThrottle(err).Bool() || HasCode(err, "KMSThrottlingException")
}

// IsRetryable reports whether a retry can help: after a throttle, a fault of the
// service, a timeout or a broken connection. Except after a throttle, the request may
// have taken effect.
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

// Throttled adds the contract's own error to a throttle, so that callers need not
// know the SDK. It returns other errors unchanged.
func Throttled(err, sentinel error) error {
	if IsThrottle(err) {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return err
}
