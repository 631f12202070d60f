package verify

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event/strict"
	"reprise/pkg/replay/request"
)

// Executions starts and stops executions of the state machine of verifications.
type Executions interface {
	// Start starts an execution. One that exists already with the same name and input
	// counts as started.
	Start(ctx context.Context, name string, input []byte) error
	// Stop aborts an execution, unless it has ended.
	Stop(ctx context.Context, name, errorName, cause string) error
}

// ErrBusy says that another verification of the same generation is running. A retry
// helps once that has ended.
var ErrBusy = errors.New("another verification of the generation is running")

// Service starts and cancels verifications on request. It is safe for concurrent use.
type Service struct {
	Store      Store
	Planner    *Planner
	Reporter   *Reporter
	Executions Executions
	// Random is the source of names for verifications without one.
	Random io.Reader
}

// Start creates a verification and starts its execution. If a verification of that name
// exists, running or ended, Start returns it with created false if the request is the
// same, else ErrExists. For the name "" it chooses one. It returns ErrBusy, ErrRequest,
// ErrUnknownGeneration, datastore.ErrLost or projection.ErrOtherVersion, and creates
// nothing, if the verification could not begin now.
func (s *Service) Start(ctx context.Context, name string, r Request) (row Row, created bool, err error) {
	if name == "" {
		if name, err = s.name(); err != nil {
			return Row{}, false, err
		}
	}
	if _, err := s.Store.Load(ctx, name); errors.Is(err, ErrNotFound) {
		if err := s.Planner.begins(ctx, name, r); err != nil {
			return Row{}, false, fmt.Errorf("start verification %s: %w", name, err)
		}
	}
	row, created, err = s.Store.Create(ctx, name, r)
	if err != nil || row.Status.Ended() {
		return row, created, err
	}
	input, err := json.Marshal(r)
	if err != nil {
		return row, created, fmt.Errorf("encode verification %s: %w", name, err)
	}
	if err := s.Executions.Start(ctx, name, input); err != nil {
		return row, created, fmt.Errorf("start execution of verification %s: %w", name, err)
	}
	return row, created, nil
}

// name chooses a name that says when the verification was started.
func (s *Service) name() (string, error) {
	random := make([]byte, 5)
	if _, err := io.ReadFull(s.Random, random); err != nil {
		return "", fmt.Errorf("choose name of verification: %w", err)
	}
	suffix := strings.ToLower(base32.StdEncoding.EncodeToString(random))
	return "verify-" + s.Store.Now().UTC().Format("20060102-150405") + "-" + suffix, nil
}

// Cancel stops a verification. It returns ErrNotFound or ErrEnded.
func (s *Service) Cancel(ctx context.Context, id string) (Row, error) {
	row, err := s.Store.RequestCancel(ctx, id)
	if err != nil {
		return row, err
	}
	if err := s.Executions.Stop(ctx, id, "Reprise.Stopped", "the verification was cancelled"); err != nil {
		return row, fmt.Errorf("stop execution of verification %s: %w", id, err)
	}
	return s.Reporter.Report(ctx, id, nil)
}

// Ended ends, with a failure, the verification of an execution that ended without a
// report. An unknown one is no error: its input was refused.
func (s *Service) Ended(ctx context.Context, id string, failure *Failure) error {
	_, err := s.Reporter.Report(ctx, id, failure)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// turn says which verification of a generation is running.
type turn struct {
	Verification string    `json:"verification"`
	Since        time.Time `json:"since"`
}

func turnKey(generation string) control.Key {
	return control.Key{Partition: rowsPartition + "-running", Sort: generation}
}

// takeTurn makes a verification the one of its generation, or returns ErrBusy.
func (s Store) takeTurn(ctx context.Context, generation, id string) error {
	_, err := control.Update(ctx, s.Table, turnKey(generation), func(t *turn, exists bool) error {
		if exists && t.Verification == id {
			return control.Unchanged()
		}
		if exists {
			if err := s.free(ctx, t); err != nil {
				return err
			}
		}
		*t = turn{id, s.Now().UTC()}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin verification %s: %w", id, err)
	}
	return nil
}

// free returns ErrBusy unless the verification that has the turn is over.
func (s Store) free(ctx context.Context, t *turn) error {
	row, err := s.Load(ctx, t.Verification)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && !row.Status.Ended() {
		return fmt.Errorf("%w: %s", ErrBusy, t.Verification)
	}
	return err
}

// Request says what to verify. The zero Request verifies the active generation: what has
// changed since its last verification.
type Request struct {
	// Generation is the id of a generation that follows the event stream, "" for the
	// active one.
	Generation string `json:"generation,omitempty"`
	// Full verifies every row and the whole log. Otherwise a verification goes on from the
	// latest one, unless that found drift or it is the turn of a full one.
	Full bool `json:"full,omitempty"`
	// Budget caps what the verification uses; the zero Budget is none. What runs when it is
	// reached ends first, and the verification fails with a report on how far it came.
	Budget request.Budget `json:"budget,omitzero"`
}

// maxRequestBytes bounds the text of a request.
const maxRequestBytes = 64 << 10

// ParseRequest decodes the input of a verification: a JSON object with the members of
// Request and no others. Its error is ErrRequest.
func ParseRequest(raw []byte) (Request, error) {
	var r Request
	var given struct {
		Generation string          `json:"generation"`
		Full       bool            `json:"full"`
		Budget     json.RawMessage `json:"budget"`
	}
	if len(raw) > maxRequestBytes {
		return r, fmt.Errorf("%w: longer than %d bytes", ErrRequest, maxRequestBytes)
	}
	if err := strict.Unmarshal(raw, &given); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	r.Generation, r.Full = given.Generation, given.Full
	if given.Budget != nil {
		var err error
		if r.Budget, err = request.BudgetOrNone(given.Budget); err != nil {
			return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
		}
	}
	return r, r.Check()
}

// Check returns ErrRequest for a request that cannot be carried out.
func (r Request) Check() error {
	if err := r.Budget.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if r.Generation == "" {
		return nil
	}
	if err := datastore.CheckID(r.Generation); err != nil {
		return fmt.Errorf("%w: generation: %w", ErrRequest, err)
	}
	return nil
}

// Reason is what an ErrRequest says is wrong, in words for whoever made the request.
func Reason(err error) string {
	_, reason, found := strings.Cut(err.Error(), ErrRequest.Error()+": ")
	if !found {
		return ErrRequest.Error()
	}
	return reason
}
