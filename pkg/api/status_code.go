package api

import (
	"context"

	"reprise/pkg/projection/codecheck"
)

// codeStatus adds the check of the active generation, if there was one.
func (a *API) codeStatus(ctx context.Context, view *StatusView) error {
	report, found, err := codecheck.Load(ctx, a.Registry.Table, view.Active)
	if err != nil || !found {
		return err
	}
	view.Code = &report
	return nil
}
