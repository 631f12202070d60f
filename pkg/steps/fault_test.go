package steps

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// TestFaultsThatNoRetryHelps checks that the state machine does not retry them.
func TestFaultsThatNoRetryHelps(t *testing.T) {
	for _, c := range []struct {
		err  error
		name string
	}{
		{replay.ErrOtherVersion, "Reprise.OtherVersion"},
		{replay.ErrGenerationLost, "Reprise.GenerationLost"},
		{datastore.ErrLost, "Reprise.GenerationLost"},
		{datastore.ErrNoGeneration, "Reprise.GenerationLost"},
		{datastore.ErrWithdrawn, "Reprise.Stopped"},
		{replay.ErrStalled, "Reprise.Stalled"},
		{cutover.ErrParked, "Reprise.Parked"},
		{replay.ErrPromoted, "Reprise.Conflict"},
		{replay.ErrPromoting, "Reprise.Conflict"},
	} {
		var named messages.InvokeResponse_Error
		if err := fault(fmt.Errorf("step: %w", c.err)); !errors.As(err, &named) || named.Type != c.name {
			t.Errorf("%v is reported as %v", c.err, err)
		}
	}
}
