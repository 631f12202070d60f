package replay

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
)

// The names of faults that a replay's row may carry.
const (
	FaultOtherVersion = "Reprise.OtherVersion"
	FaultLost         = "Reprise.GenerationLost"
)

var (
	// ErrOtherVersion says that a rebuild was begun for other projections than
	// this program has. It cannot go on: one generation has one version.
	ErrOtherVersion = errors.New("the rebuild was begun with another version of the projections: start a new rebuild")
	// ErrGenerationLost says that what a rebuild had made is lost.
	ErrGenerationLost = errors.New("the rebuilt generation is lost: start a new rebuild")
)

// fault is the row's fault as an error that names it.
func (r *Row) fault() error {
	if r.Fault == nil {
		return nil
	}
	switch r.Fault.Error {
	case FaultOtherVersion:
		return fmt.Errorf("%w (%s)", ErrOtherVersion, r.Fault.Cause)
	default:
		return fmt.Errorf("%w (%s)", ErrGenerationLost, r.Fault.Cause)
	}
}

// OtherVersion is ErrOtherVersion with the version that a rebuild was begun with
// and the one at hand.
func OtherVersion(planned, have string) error {
	return fmt.Errorf("%w (begun with %s, this is %s)", ErrOtherVersion, planned, have)
}

// Working returns the row of a replay to a step that works for it. Unless the
// replay was cancelled or has ended, which the step looks at, a fault in the row
// is an error, and so are other projections than this program's: no step of a
// rebuild runs on under code that would fold otherwise.
func (s Store) Working(ctx context.Context, id string) (Row, error) {
	row, err := s.Load(ctx, id)
	if err != nil || row.Cancel || row.Status.Ended() {
		return row, err
	}
	if err := row.fault(); err != nil {
		return row, fmt.Errorf("replay %s: %w", id, err)
	}
	// A row of an earlier release has no version; its generation's entry does.
	if row.Version != "" && row.Version != s.Version {
		return row, fmt.Errorf("replay %s: %w", id, OtherVersion(row.Version, s.Version))
	}
	return row, nil
}

// fits returns ErrOtherVersion where the marks are those of a generation of
// another version. A replay that fills none fits always.
func (m marks) fits(version string) error {
	if m.generation != nil && m.version != version {
		return OtherVersion(m.version, version)
	}
	return nil
}

// fail records a fault in the row of a replay once; the first one stands. A
// replay that has ended needs none.
func (s Store) fail(ctx context.Context, id, name string, cause error) error {
	_, err := s.Update(ctx, id, func(row *Row) error {
		if row.Fault != nil {
			return control.Unchanged()
		}
		row.Fault = &Failure{Error: name, Cause: cause.Error()}
		return nil
	})
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// faultOf is the name of an error after which nothing can be written into a
// generation any more, "" for others.
func faultOf(err error) string {
	switch {
	case errors.Is(err, ErrOtherVersion):
		return FaultOtherVersion
	case errors.Is(err, datastore.ErrNoGeneration):
		return FaultLost
	}
	return ""
}

// damaged counts damaged records in the row of a replay that has not ended. A
// batch that comes again is counted again.
func (s Store) damaged(ctx context.Context, id string, records int) error {
	_, err := s.Update(ctx, id, func(row *Row) error {
		row.Damaged += records
		return nil
	})
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
