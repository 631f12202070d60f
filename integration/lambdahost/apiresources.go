package lambdahost

import (
	"cmp"
	"net/http"
	"slices"
)

// aliasView is an alias as the API shows it.
type aliasView struct {
	ARN         string `json:"AliasArn"`
	Name        string `json:"Name"`
	Version     string `json:"FunctionVersion"`
	Description string `json:"Description"`
}

func (a *API) viewOf(function string, alias Alias) aliasView {
	return aliasView{a.host.ARN(Reference{function, alias.Name}), alias.Name, alias.Version, alias.Description}
}

// versionView is a published version as the API shows it.
type versionView struct {
	Name    string `json:"FunctionName"`
	ARN     string `json:"FunctionArn"`
	Version string `json:"Version"`
}

func (a *API) versionOf(function, version string) versionView {
	return versionView{function, a.host.ARN(Reference{function, version}), version}
}

func (a *API) publish(function string, _ *http.Request) (any, error) {
	version, err := a.host.PublishVersion(function)
	return a.versionOf(function, version), err
}

func (a *API) versions(function string, _ *http.Request) (any, error) {
	all, err := a.host.Versions(function)
	views := []versionView{a.versionOf(function, latest)}
	for _, version := range all {
		views = append(views, a.versionOf(function, version))
	}
	return map[string]any{"Versions": views}, err
}

func (a *API) createAlias(function string, r *http.Request) (any, error) {
	return a.putAlias(function, r, a.host.CreateAlias)
}

func (a *API) updateAlias(function string, r *http.Request) (any, error) {
	return a.putAlias(function, r, a.host.UpdateAlias)
}

func (a *API) putAlias(function string, r *http.Request, put func(string, Alias) error) (any, error) {
	var want aliasView
	if err := read(r, &want); err != nil {
		return nil, err
	}
	alias := Alias{cmp.Or(r.PathValue("name"), want.Name), want.Version, want.Description}
	return a.viewOf(function, alias), put(function, alias)
}

func (a *API) listAliases(function string, _ *http.Request) (any, error) {
	all, err := a.host.Aliases(function)
	views := []aliasView{}
	for _, alias := range all {
		views = append(views, a.viewOf(function, alias))
	}
	return map[string]any{"Aliases": views}, err
}

func (a *API) getAlias(function string, r *http.Request) (any, error) {
	all, err := a.host.Aliases(function)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	at := slices.IndexFunc(all, func(alias Alias) bool { return alias.Name == name })
	if at < 0 {
		return nil, &ServiceError{ExceptionNotFound, "Cannot find alias arn: " + a.host.ARN(Reference{function, name})}
	}
	return a.viewOf(function, all[at]), nil
}

func (a *API) deleteAlias(function string, r *http.Request) (any, error) {
	return nil, a.host.DeleteAlias(function, r.PathValue("name"))
}

// mappingRequest is the body of a creation or update. Absent members change
// nothing.
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

// target returns the ARN of an existing function by its name.
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
