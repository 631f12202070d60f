package lambdahost

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// API serves the part of the Lambda API (REST, version 2015-03-31) that functions
// call: Invoke, versions, aliases and event source mappings. It checks no
// permissions and never divides a list into pages.
type API struct {
	host     *Host
	mappings *mappings
	mux      *http.ServeMux
}

// NewAPI makes the API of a host. consume serves enabled mappings. Close the API
// before the host.
func NewAPI(h *Host, consume Consumer) *API {
	a := &API{host: h, mappings: newMappings(consume, h.config.Log), mux: http.NewServeMux()}
	const functions, sources = "/2015-03-31/functions/{function}", "/2015-03-31/event-source-mappings"
	a.mux.HandleFunc("POST "+functions+"/invocations", a.invoke)
	a.handleFunction("POST "+functions+"/versions", http.StatusCreated, a.publish)
	a.handleFunction("GET "+functions+"/versions", http.StatusOK, a.versions)
	a.handleFunction("POST "+functions+"/aliases", http.StatusCreated, a.createAlias)
	a.handleFunction("GET "+functions+"/aliases", http.StatusOK, a.listAliases)
	a.handleFunction("GET "+functions+"/aliases/{name}", http.StatusOK, a.getAlias)
	a.handleFunction("PUT "+functions+"/aliases/{name}", http.StatusOK, a.updateAlias)
	a.handleFunction("DELETE "+functions+"/aliases/{name}", http.StatusNoContent, a.deleteAlias)
	for _, end := range []string{"", "/{$}"} {
		a.handle("POST "+sources+end, http.StatusAccepted, a.createMapping)
		a.handle("GET "+sources+end, http.StatusOK, a.listMappings)
	}
	a.handle("GET "+sources+"/{id}", http.StatusOK, a.getMapping)
	a.handle("PUT "+sources+"/{id}", http.StatusAccepted, a.updateMapping)
	a.handle("DELETE "+sources+"/{id}", http.StatusAccepted, a.deleteMapping)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Close stops the consumers of all mappings and waits for them.
func (a *API) Close() { a.mappings.close() }

// Map creates an event source mapping, as a deploy does. m.Function must be an
// ARN, with its qualifier if it has one.
func (a *API) Map(m Mapping) (Mapping, error) {
	created, err := a.mappings.create(m.withDefaults())
	if err != nil {
		return Mapping{}, fmt.Errorf("map %s to %s: %w", m.Source, m.Function, err)
	}
	return created, nil
}

// withDefaults replaces zero fields with Lambda's defaults for Kinesis.
func (m Mapping) withDefaults() Mapping {
	m.State = cmp.Or(m.State, enabled)
	m.BatchSize = cmp.Or(m.BatchSize, 100)
	m.Parallelization = cmp.Or(m.Parallelization, 1)
	m.RetryAttempts = cmp.Or(m.RetryAttempts, -1)
	m.RecordAgeSeconds = cmp.Or(m.RecordAgeSeconds, -1)
	return m
}

// handleFunction serves a route whose path names a function.
func (a *API) handleFunction(pattern string, status int, serve func(function string, r *http.Request) (any, error)) {
	a.handle(pattern, status, func(r *http.Request) (any, error) {
		named, err := reference(r)
		if err != nil {
			return nil, err
		}
		return serve(named.Name, r)
	})
}

// handle serves a route with JSON answers.
func (a *API) handle(pattern string, status int, serve func(*http.Request) (any, error)) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := serve(r)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_ = json.NewEncoder(w).Encode(answer) // the client may be gone
		}
	})
}

// status is the HTTP status of an exception.
func status(exception string) int {
	switch exception {
	case ExceptionNotFound:
		return http.StatusNotFound
	case ExceptionConflict:
		return http.StatusConflict
	case ExceptionThrottled:
		return http.StatusTooManyRequests
	case ExceptionTooLarge:
		return http.StatusRequestEntityTooLarge
	case ExceptionInvalid:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

func writeError(w http.ResponseWriter, err error) {
	refused := &ServiceError{ExceptionService, err.Error()}
	_ = errors.As(err, &refused) // any other error is a ServiceException
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", refused.Exception)
	w.WriteHeader(status(refused.Exception))
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": refused.Message}) // as above
}

// read decodes a request's body.
func read(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return &ServiceError{ExceptionInvalid, "Could not parse request body: " + err.Error()}
	}
	return nil
}

// reference is the function that a request names, with its qualifier.
func reference(r *http.Request) (Reference, error) {
	named, err := ParseReference(r.PathValue("function"))
	if err != nil {
		return named, &ServiceError{ExceptionInvalid, err.Error()}
	}
	if qualifier := r.URL.Query().Get("Qualifier"); qualifier != "" {
		named.Qualifier = qualifier
	}
	return named, nil
}

func (a *API) invoke(w http.ResponseWriter, r *http.Request) {
	named, err := reference(r)
	if err != nil {
		writeError(w, err)
		return
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, MaxPayloadBytes+1))
	if err != nil {
		writeError(w, &ServiceError{ExceptionInvalid, err.Error()})
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		if err := a.host.InvokeAsync(a.host.ARN(named), payload); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result, err := a.host.Invoke(r.Context(), a.host.ARN(named), payload)
	var failed *FunctionError
	if errors.As(err, &failed) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		result, err = failed.Payload, nil
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(result)))
	_, _ = w.Write(result) // the client may be gone
}
