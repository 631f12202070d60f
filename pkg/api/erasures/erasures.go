package erasures

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
)

// Erasures serves POST /erasures. It is safe for concurrent use.
type Erasures struct {
	// Vault is nil if nothing is declared personal.
	Vault *personal.Vault
	// Log receives every erasure, without who it is about.
	Log *slog.Logger
}

// Request asks to erase a data subject.
type Request struct {
	Subject string `json:"subject"`
	// Reason is kept with the key's row, and Who asks, "" if unknown. Neither should say
	// who is erased.
	Reason string `json:"reason"`
	Who    string `json:"who,omitempty"`
	// DryRun says what there is to erase, and changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
}

// View is what the platform knows of a data subject.
type View struct {
	// Ref stands for the data subject in the platform's log lines.
	Ref string `json:"ref"`
	// Readable is set if sealed values of the subject can be read; after an erasure it is
	// not.
	Readable bool `json:"readable"`
	// Erased is set if this request has destroyed the key, Repeated if an earlier one had.
	Erased   bool `json:"erased"`
	Repeated bool `json:"repeated,omitempty"`
	// Generation is that of the subject's latest key.
	Generation uint32             `json:"generation"`
	Erasures   []personal.Erasure `json:"erasures"`
	// EffectiveWithin is how long other processes of the platform may still reveal values,
	// in seconds.
	EffectiveWithin int `json:"effectiveWithinSeconds"`
}

// Erase serves POST /erasures.
func (e *Erasures) Erase(r *http.Request) (web.Reply, error) {
	var asked Request
	if err := web.DecodeBody(r, &asked); err != nil {
		return web.Reply{}, err
	}
	if caller := web.Caller(r.Context()); caller != "" {
		asked.Who = caller // who was authenticated counts, not who claims to ask
	}
	if err := asked.check(); err != nil {
		return web.Reply{}, err
	}
	known, err := e.Vault.Look(r.Context(), asked.Subject)
	if err != nil {
		return web.Reply{}, e.failed(r, err)
	}
	view := viewOf(&known)
	if asked.DryRun {
		return web.Answer(http.StatusOK, view), nil
	}
	known, err = e.Vault.Erase(r.Context(), asked.Subject, personal.Erasure{Who: asked.Who, Reason: asked.Reason})
	if errors.Is(err, personal.ErrNoKey) {
		view.Repeated = true
		return web.Answer(http.StatusOK, view), nil
	}
	if err != nil {
		return web.Reply{}, e.failed(r, err)
	}
	view = viewOf(&known)
	view.Erased = true
	e.Log.LogAttrs(r.Context(), slog.LevelWarn, "data subject erased", slog.String("ref", view.Ref),
		slog.String("who", cmp.Or(asked.Who, "unknown")), slog.Int("generation", int(view.Generation)))
	return web.Answer(http.StatusOK, view), nil
}

func viewOf(k *personal.Known) View {
	return View{Ref: k.Ref.String(), Readable: k.HasKey, Generation: k.Generation,
		Erasures: append([]personal.Erasure{}, k.Erasures...), EffectiveWithin: int(personal.Lifetime / time.Second)}
}

func (q *Request) check() error {
	bad := func(format string, args ...any) error {
		return web.NewProblem(http.StatusBadRequest, "invalid-erasure", fmt.Sprintf(format, args...))
	}
	switch {
	case q.Subject == "" || len(q.Subject) > sealed.MaxSubjectBytes:
		return bad("subject must have 1 to %d bytes: the id of the data subject, which is the entity's unless the "+
			"declaration of personal fields names another", sealed.MaxSubjectBytes)
	case len(q.Who) > personal.MaxWhoBytes:
		return bad("who must have at most %d bytes", personal.MaxWhoBytes)
	case q.DryRun:
		return nil
	case q.Reason == "" || len(q.Reason) > personal.MaxReasonBytes:
		return bad("reason must have 1 to %d bytes", personal.MaxReasonBytes)
	}
	return nil
}

// failed is the answer if a data subject is not known or could not be erased.
func (e *Erasures) failed(r *http.Request, err error) error {
	if errors.Is(err, personal.ErrNoKey) {
		return web.NewProblem(http.StatusNotFound, "subject-unknown",
			"nothing was ever sealed for this data subject: check its id, which is exactly that of the entity, "+
				"or of the field that the declaration of personal fields names")
	}
	if web.KnownFailure(err) != nil {
		return err
	}
	e.Log.LogAttrs(r.Context(), slog.LevelError, "data subject not erased", slog.String("error", err.Error()))
	return web.KeysUnavailable("the erasure may have been carried out; send it again, which is safe")
}
