package lambdahost

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Alias is a name of a published version.
type Alias struct{ Name, Version, Description string }

// PublishVersion freezes a function's present configuration under the next
// number and returns it. The binary is that of the time of the first process:
// deploy another under another path.
func (h *Host) PublishVersion(function string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, p, err := h.find(Reference{Name: function})
	if err != nil {
		return "", fmt.Errorf("publish version: %w", err)
	}
	d.last++
	version := strconv.Itoa(d.last)
	d.pools[version] = newPool(p.function, version)
	return version, nil
}

// Versions are the published versions of a function, the oldest first.
func (h *Host) Versions(function string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _, err := h.find(Reference{Name: function})
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	var all []string
	for n := 1; n <= d.last; n++ {
		all = append(all, strconv.Itoa(n))
	}
	return all, nil
}

// Update replaces the configuration of a function's $LATEST, as a deploy does.
// Published versions stay, and invocations under way go on.
func (h *Host) Update(f Function) error {
	f, err := f.withDefaults()
	if err != nil {
		return fmt.Errorf("update function: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d, old, err := h.find(Reference{Name: f.Name})
	if err != nil {
		return fmt.Errorf("update function: %w", err)
	}
	d.pools[latest] = newPool(f, latest)
	for _, s := range h.sandboxes {
		if s.pool == old && s.current == nil && len(old.queue) == 0 {
			s.kill() // nothing will be given to it any more
		}
	}
	return nil
}

// CreateAlias fails with ExceptionConflict where the alias exists.
func (h *Host) CreateAlias(function string, a Alias) error {
	return h.setAlias(function, a, false)
}

// UpdateAlias fails with ExceptionNotFound where there is no such alias.
func (h *Host) UpdateAlias(function string, a Alias) error {
	return h.setAlias(function, a, true)
}

func (h *Host) setAlias(function string, a Alias, exists bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _, err := h.find(Reference{Name: function})
	if err != nil {
		return fmt.Errorf("set alias: %w", err)
	}
	arn := h.ARN(Reference{function, a.Name})
	if _, found := d.pools[a.Version]; !found {
		return fmt.Errorf("set alias: %w", &ServiceError{ExceptionNotFound, "Function not found: " + h.ARN(Reference{function, a.Version})})
	}
	if _, found := d.aliases[a.Name]; found != exists {
		if exists {
			return fmt.Errorf("set alias: %w", &ServiceError{ExceptionNotFound, "Alias not found: " + arn})
		}
		return fmt.Errorf("set alias: %w", &ServiceError{ExceptionConflict, "Alias already exists: " + arn})
	}
	d.aliases[a.Name] = a.Version
	return nil
}

// DeleteAlias is idempotent, as it is on AWS.
func (h *Host) DeleteAlias(function, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _, err := h.find(Reference{Name: function})
	if err != nil {
		return fmt.Errorf("delete alias: %w", err)
	}
	delete(d.aliases, name)
	return nil
}

// Aliases are a function's aliases by name.
func (h *Host) Aliases(function string) ([]Alias, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _, err := h.find(Reference{Name: function})
	if err != nil {
		return nil, fmt.Errorf("list aliases: %w", err)
	}
	var all []Alias
	for _, name := range slices.Sorted(maps.Keys(d.aliases)) {
		all = append(all, Alias{Name: name, Version: d.aliases[name]})
	}
	return all, nil
}

// asyncAttempts is how often Lambda tries an asynchronous invocation by itself.
const asyncAttempts = 3

// InvokeAsync queues an invocation whose result nobody waits for. It is tried
// up to three times where the function fails, and for as long as it is
// throttled; AWS waits minutes in between, this host some milliseconds. It
// fails as Invoke does where the function does not exist.
func (h *Host) InvokeAsync(function string, payload json.RawMessage) error {
	reference, err := ParseReference(function)
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, &ServiceError{ExceptionInvalid, err.Error()})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return fmt.Errorf("invoke %s: %w", function, ErrClosed)
	}
	if _, _, err := h.find(reference); err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	h.work.Go(func() { h.tryAsync(function, payload) })
	return nil
}

func (h *Host) tryAsync(function string, payload json.RawMessage) {
	const pause = 50 * time.Millisecond
	for attempt := 0; attempt < asyncAttempts; {
		call, err := h.begin(function, payload)
		if err == nil {
			select {
			case <-call.done:
			case <-h.closed:
				return
			}
			if call.err == nil {
				return
			}
			attempt++
		} else if !isThrottle(err) {
			return
		}
		select {
		case <-time.After(pause):
		case <-h.closed:
			return
		}
	}
}
