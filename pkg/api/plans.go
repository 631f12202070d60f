package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/replay"
	"reprise/workflows"
)

// planReplay answers what a replay would do, and starts nothing. It refuses what
// POST /replays would refuse, so that a plan can be carried out as it is.
func (a *API) planReplay(r *http.Request) (web.Reply, error) {
	name, request, err := requested(r)
	if err != nil {
		return web.Reply{}, err
	}
	if name != "" {
		if err := a.checkName(r, name, request); err != nil {
			return web.Reply{}, err
		}
	}
	plan, err := a.Forecaster.Forecast(r.Context(), request)
	return web.Answer(http.StatusOK, plan), err
}

// checkName refuses a name that another replay has.
func (a *API) checkName(r *http.Request, name string, request replay.Request) error {
	if err := replay.CheckID(name); err != nil {
		return err
	}
	row, err := a.Viewer.Store.Load(r.Context(), name)
	if errors.Is(err, replay.ErrNotFound) {
		return nil
	}
	request.DryRun = false
	if err == nil && !row.Request.Same(request) {
		err = fmt.Errorf("plan replay %s: %w", name, replay.ErrExists)
	}
	return err
}

// getInputSchema answers the JSON schema of a replay's input.
func (a *API) getInputSchema(*http.Request) (web.Reply, error) {
	return web.Answer(http.StatusOK, json.RawMessage(workflows.ReplayInput())), nil
}
