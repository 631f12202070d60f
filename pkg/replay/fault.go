package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/storefault"
)

// The faults that a replay's row may name.
const (
	// FaultStalled: nobody consumes the playback stream.
	FaultStalled = "Reprise.Stalled"
	// FaultUnread: lane groups could not be read; the newest error of a reader says why.
	FaultUnread       = "Reprise.ReadFailed"
	FaultOtherVersion = "Reprise.OtherVersion"
	FaultLost         = "Reprise.GenerationLost"
	FaultDamaged      = "Reprise.StorageDamaged"
	// FaultOtherService: the effects of a replay were collected by another version of the
	// service.
	FaultOtherService = "Reprise.OtherService"
	// FaultParked: a person has to decide whether the generation becomes active.
	FaultParked = "Reprise.Parked"
)

var (
	// ErrOtherVersion says that a rebuild was begun with another version of the
	// projections than this program's. It cannot continue: one generation has
	// one version.
	ErrOtherVersion = errors.New("the rebuild was begun with another version of the projections: start a new rebuild")
	// ErrOtherService says that the effects of a replay were collected by another version
	// of the service than this program's. It cannot continue: what it compares is that of
	// one version.
	ErrOtherService = errors.New("the effects were collected by another version of the service: start a new replay")
	// ErrGenerationLost says that the generation of a rebuild is lost.
	ErrGenerationLost = errors.New("the rebuilt generation is lost: start a new rebuild")
)

// fault returns the row's fault as an error, nil if it has none.
func (r *Row) fault() error {
	if r.Fault == nil {
		return nil
	}
	kind := ErrGenerationLost
	switch r.Fault.Error {
	case FaultOtherVersion:
		kind = ErrOtherVersion
	case FaultOtherService:
		kind = ErrOtherService
	case FaultDamaged:
		kind = storefault.ErrDamaged
	}
	return fmt.Errorf("%w (%s)", kind, r.Fault.Cause)
}

// OtherVersion is ErrOtherVersion with the version that a rebuild was begun with and
// this program's.
func OtherVersion(planned, have string) error {
	return fmt.Errorf("%w (begun with %s, this is %s)", ErrOtherVersion, planned, have)
}

// Working returns the row of a replay for one of its steps. Unless the replay was
// cancelled or has ended, which the step has to check, it returns an error for a
// fault in the row and for a version of the projections other than this program's,
// so that no step of a rebuild runs with code that folds differently.
func (s Store) Working(ctx context.Context, id string) (Row, error) {
	row, err := s.Load(ctx, id)
	if err != nil || row.Over() {
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

// recordFault records a fault in the row of a replay that has not ended; the first
// fault is kept.
func (s Store) recordFault(ctx context.Context, id, name string, cause error) error {
	return s.updateOpen(ctx, id, func(row *Row) error {
		if row.Fault != nil {
			return control.Unchanged()
		}
		row.Fault = &Failure{Error: name, Cause: cause.Error()}
		return nil
	})
}

// faultOf is the name of the fault for an error after which a replay cannot go on,
// "" for other errors.
func faultOf(err error) string {
	switch {
	case errors.Is(err, ErrOtherVersion):
		return FaultOtherVersion
	case errors.Is(err, ErrOtherService):
		return FaultOtherService
	case errors.Is(err, datastore.ErrNoGeneration):
		return FaultLost
	case errors.Is(err, storefault.ErrDamaged):
		return FaultDamaged
	}
	return ""
}

// NoteError keeps an error that a reader or the consumer of a replay cannot get
// past, so that the replay's report shows it if the replay fails. Only the newest
// error is kept.
func (s Store) NoteError(ctx context.Context, id, name string, cause error) error {
	note := Failure{Error: name, Cause: cause.Error()}
	return s.updateOpen(ctx, id, func(row *Row) error {
		if row.LastError != nil && *row.LastError == note {
			return control.Unchanged()
		}
		row.LastError = &note
		return nil
	})
}

// Explained adds the newest error of a reader or the consumer to the failure of a
// replay, if it is the reason. FaultUnread gets its name.
func (r *Row) Explained(why *Failure) *Failure {
	if why == nil || r.LastError == nil || strings.Contains(why.Cause, r.LastError.Cause) {
		return why
	}
	name := why.Error
	switch name {
	case FaultUnread:
		name = r.LastError.Error
	case FaultStalled, r.LastError.Error:
	default:
		return why
	}
	return &Failure{Error: name, Cause: why.Cause + "; the last error was: " + r.LastError.Cause}
}

// countDamaged counts damaged records in the row of a replay that has not ended. A
// batch that is retried is counted again.
func (s Store) countDamaged(ctx context.Context, id string, records int) error {
	return s.updateOpen(ctx, id, func(row *Row) error {
		row.Damaged += records
		return nil
	})
}

// updateOpen is Update, but does nothing if the replay has ended or is gone.
func (s Store) updateOpen(ctx context.Context, id string, change func(*Row) error) error {
	_, err := s.Update(ctx, id, change)
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
