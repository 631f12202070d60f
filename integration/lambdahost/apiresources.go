package lambdahost

import (
	"net/http"
	"slices"
)

// aliasView is an alias in the shape of the API.
type aliasView struct {
	ARN         string `json:"AliasArn"`
	Name        string `json:"Name"`
	Version     string `json:"FunctionVersion"`
	Description string `json:"Description"`
}

func (a *API) viewOf(function string, alias Alias) aliasView {
	return aliasView{a.host.ARN(Reference{function, alias.Name}), alias.Name, alias.Version, alias.Description}
}

// versionView is a published version in the shape of the API.
type versionView struct {
	Name    string `json:"FunctionName"`
	ARN     string `json:"FunctionArn"`
	Version string `json:"Version"`
}

func (a *API) publish(r *http.Request) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	version, err := a.host.PublishVersion(named.Name)
	return versionView{named.Name, a.host.ARN(Reference{named.Name, version}), version}, err
}

func (a *API) versions(r *http.Request) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	all, err := a.host.Versions(named.Name)
	views := []versionView{}
	for _, version := range append([]string{latest}, all...) {
		views = append(views, versionView{named.Name, a.host.ARN(Reference{named.Name, version}), version})
	}
	return map[string]any{"Versions": views}, err
}

func (a *API) createAlias(r *http.Request) (any, error) { return a.putAlias(r, a.host.CreateAlias) }

func (a *API) updateAlias(r *http.Request) (any, error) { return a.putAlias(r, a.host.UpdateAlias) }

func (a *API) putAlias(r *http.Request, put func(string, Alias) error) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	var want aliasView
	if err := read(r, &want); err != nil {
		return nil, err
	}
	if name := r.PathValue("name"); name != "" {
		want.Name = name
	}
	alias := Alias{want.Name, want.Version, want.Description}
	return a.viewOf(named.Name, alias), put(named.Name, alias)
}

func (a *API) listAliases(r *http.Request) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	all, err := a.host.Aliases(named.Name)
	views := []aliasView{}
	for _, alias := range all {
		views = append(views, a.viewOf(named.Name, alias))
	}
	return map[string]any{"Aliases": views}, err
}

func (a *API) getAlias(r *http.Request) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	all, err := a.host.Aliases(named.Name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(alias Alias) bool { return alias.Name == r.PathValue("name") })
	if at < 0 {
		return nil, &ServiceError{ExceptionNotFound, "Cannot find alias arn: " + a.host.ARN(Reference{named.Name, r.PathValue("name")})}
	}
	return a.viewOf(named.Name, all[at]), nil
}

func (a *API) deleteAlias(r *http.Request) (any, error) {
	named, err := reference(r)
	if err != nil {
		return nil, err
	}
	return nil, a.host.DeleteAlias(named.Name, r.PathValue("name"))
}

// mappingRequest is what Create and Update send; what is absent stays.
type mappingRequest struct {
	FunctionName                   *string
	EventSourceArn                 *string
	Enabled                        *bool
	StartingPosition               *string
	BatchSize                      *int
	MaximumBatchingWindowInSeconds *int
	ParallelizationFactor          *int
	MaximumRetryAttempts           *int
	MaximumRecordAgeInSeconds      *int
	BisectBatchOnFunctionError     *bool
	FunctionResponseTypes          []string
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

func (q *mappingRequest) apply(m *Mapping) {
	set(&m.Source, q.EventSourceArn)
	set(&m.StartingPosition, q.StartingPosition)
	set(&m.BatchSize, q.BatchSize)
	set(&m.BatchingSeconds, q.MaximumBatchingWindowInSeconds)
	set(&m.Parallelization, q.ParallelizationFactor)
	set(&m.RetryAttempts, q.MaximumRetryAttempts)
	set(&m.RecordAgeSeconds, q.MaximumRecordAgeInSeconds)
	set(&m.Bisect, q.BisectBatchOnFunctionError)
	if q.FunctionResponseTypes != nil {
		m.ResponseTypes = q.FunctionResponseTypes
	}
	if q.Enabled != nil && *q.Enabled {
		m.State = enabled
	} else if q.Enabled != nil {
		m.State = disabled
	}
}

// target resolves a function's name to the ARN of one that exists.
func (a *API) target(name string) (string, error) {
	named, err := ParseReference(name)
	if err != nil {
		return "", &ServiceError{ExceptionInvalid, err.Error()}
	}
	a.host.mu.Lock()
	defer a.host.mu.Unlock()
	_, _, err = a.host.find(named)
	return a.host.ARN(named), err
}

func (a *API) createMapping(r *http.Request) (any, error) {
	var want mappingRequest
	if err := read(r, &want); err != nil {
		return nil, err
	}
	if want.FunctionName == nil || want.EventSourceArn == nil {
		return nil, &ServiceError{ExceptionInvalid, "FunctionName and EventSourceArn are required"}
	}
	var m Mapping
	want.apply(&m)
	var err error
	if m.Function, err = a.target(*want.FunctionName); err != nil {
		return nil, err
	}
	return a.Map(m)
}

func (a *API) listMappings(r *http.Request) (any, error) {
	query, function := r.URL.Query(), ""
	if name := query.Get("FunctionName"); name != "" {
		named, err := ParseReference(name)
		if err != nil {
			return nil, &ServiceError{ExceptionInvalid, err.Error()}
		}
		function = a.host.ARN(named)
	}
	return map[string]any{"EventSourceMappings": a.mappings.list(query.Get("EventSourceArn"), function)}, nil
}

func (a *API) getMapping(r *http.Request) (any, error) { return a.mappings.get(r.PathValue("id")) }

func (a *API) updateMapping(r *http.Request) (any, error) {
	var want mappingRequest
	if err := read(r, &want); err != nil {
		return nil, err
	}
	return a.mappings.update(r.PathValue("id"), want.apply)
}

func (a *API) deleteMapping(r *http.Request) (any, error) {
	return a.mappings.remove(r.PathValue("id"))
}
