package effectstest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"reprise/pkg/control"
)

// ErrChaos is the error of what fails by chance.
var ErrChaos = errors.New("chaos")

// Chance decides at random. It is safe for concurrent use.
type Chance struct {
	mu  sync.Mutex
	rng *rand.Rand
	off bool
}

// NewChance is a chance that is the same for the same seed, asked in the same order.
func NewChance(seed uint64) *Chance { return &Chance{rng: rand.New(rand.NewPCG(seed, 2))} }

// Of reports true for some percent of calls, none while it is stopped.
func (c *Chance) Of(percent int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.off && c.rng.IntN(100) < percent
}

// Number is a random number below a bound.
func (c *Chance) Number(below int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(below)
}

// Stop ends the trouble, and Go lets it begin again.
func (c *Chance) Stop() { c.set(true) }

// Go lets the trouble begin.
func (c *Chance) Go() { c.set(false) }

func (c *Chance) set(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

// Shaky is a table whose operations fail at random, before or after they take effect: the
// second is what a crash right behind a write looks like.
type Shaky struct {
	control.Table
	Chance *Chance
}

// Get implements control.Table.
func (s Shaky) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if s.Chance.Of(3) {
		return control.Document{}, ErrChaos
	}
	return s.Table.Get(ctx, key)
}

// Put implements control.Table.
func (s Shaky) Put(ctx context.Context, key control.Key, body []byte, previous control.Version) (
	control.Version, error,
) {
	if s.Chance.Of(4) {
		return "", ErrChaos
	}
	version, err := s.Table.Put(ctx, key, body, previous)
	if err == nil && s.Chance.Of(4) {
		return "", ErrChaos
	}
	return version, err
}

// Delete implements control.Table.
func (s Shaky) Delete(ctx context.Context, key control.Key, previous control.Version) error {
	if s.Chance.Of(4) {
		return ErrChaos
	}
	return s.Table.Delete(ctx, key, previous)
}
