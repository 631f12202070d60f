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

// with calls act on a function while it holds h.mu. verb begins errors.
func (h *Host) with(verb, function string, act func(d *deployed, latest *pool) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, p, err := h.find(Reference{Name: function})
	if err == nil {
		err = act(d, p)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// PublishVersion freezes a function's present configuration under the next number
// and returns that number. The version runs whatever its binary's path contains:
// deploy another program under another path.
func (h *Host) PublishVersion(function string) (version string, err error) {
	err = h.with("publish version", function, func(d *deployed, p *pool) error {
		d.last++
		version = strconv.Itoa(d.last)
		d.pools[version] = newPool(p.function, version)
		return nil
	})
	return version, err
}

// Versions are the published versions of a function, oldest first.
func (h *Host) Versions(function string) (all []string, err error) {
	err = h.with("list versions", function, func(d *deployed, _ *pool) error {
		for n := range d.last {
			all = append(all, strconv.Itoa(n+1))
		}
		return nil
	})
	return all, err
}

// Update replaces the configuration of a function's $LATEST, as a deploy does.
// Published versions stay as they are, and running invocations continue.
func (h *Host) Update(f Function) error {
	f, err := f.withDefaults()
	if err != nil {
		return fmt.Errorf("update function: %w", err)
	}
	return h.with("update function", f.Name, func(d *deployed, old *pool) error {
		d.pools[latest] = newPool(f, latest)
		for _, s := range h.sandboxes {
			if s.pool == old && s.current == nil && len(old.queue) == 0 {
				s.kill() // it will get no more invocations
			}
		}
		return nil
	})
}

// CreateAlias fails with ExceptionConflict if the alias exists.
func (h *Host) CreateAlias(function string, a Alias) error {
	return h.setAlias(function, a, false)
}

// UpdateAlias fails with ExceptionNotFound if the alias does not exist.
func (h *Host) UpdateAlias(function string, a Alias) error {
	return h.setAlias(function, a, true)
}

func (h *Host) setAlias(function string, a Alias, exists bool) error {
	return h.with("set alias", function, func(d *deployed, _ *pool) error {
		arn := h.ARN(Reference{function, a.Name})
		_, found := d.aliases[a.Name]
		switch {
		case d.pools[a.Version] == nil:
			return &ServiceError{ExceptionNotFound, "Function not found: " + h.ARN(Reference{function, a.Version})}
		case exists && !found:
			return &ServiceError{ExceptionNotFound, "Alias not found: " + arn}
		case found && !exists:
			return &ServiceError{ExceptionConflict, "Alias already exists: " + arn}
		}
		d.aliases[a.Name] = a.Version
		return nil
	})
}

// DeleteAlias is idempotent, as on AWS.
func (h *Host) DeleteAlias(function, name string) error {
	return h.with("delete alias", function, func(d *deployed, _ *pool) error {
		delete(d.aliases, name)
		return nil
	})
}

// Aliases are a function's aliases by name.
func (h *Host) Aliases(function string) (all []Alias, err error) {
	err = h.with("list aliases", function, func(d *deployed, _ *pool) error {
		for _, name := range slices.Sorted(maps.Keys(d.aliases)) {
			all = append(all, Alias{Name: name, Version: d.aliases[name]})
		}
		return nil
	})
	return all, err
}

// asyncAttempts is how many times Lambda tries an asynchronous invocation.
const asyncAttempts = 3

// InvokeAsync queues an invocation whose result nobody waits for. It is tried up to
// three times while the function fails, and again and again while it is throttled;
// AWS waits minutes in between, this host some milliseconds. InvokeAsync fails as
// Invoke does if the function does not exist.
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
