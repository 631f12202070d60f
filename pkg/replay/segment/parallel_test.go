package segment

import (
	"context"
	"testing"
	"testing/synctest"
)

// A reader holds pages of a bounded number of lanes at a time, however many its
// group has, and reads all of them.
func TestAReaderReadsABoundedNumberOfLanesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{}
		for range 3 * lanesAtOnce {
			r.lanes = append(r.lanes, &laneReader{})
		}
		begun, release, ended := make(chan struct{}, len(r.lanes)), make(chan struct{}), make(chan error)
		go func() {
			ended <- r.eachLane(t.Context(), func(context.Context, *laneReader) error {
				begun <- struct{}{}
				<-release
				return nil
			})
		}()
		synctest.Wait()
		if n := len(begun); n != 8 {
			t.Errorf("%d lanes are read at a time", n)
		}
		close(release)
		if err := <-ended; err != nil || len(begun) != len(r.lanes) {
			t.Errorf("%d of %d lanes were read, %v", len(begun), len(r.lanes), err)
		}
	})
}
