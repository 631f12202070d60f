// Command retry-effects takes up effects that wait, once they are due, and carries out what
// a person approved. A schedule calls it, and so does serve-api after a decision.
package main

import (
	"context"

	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("retry-effects", func(p *wiring.Platform) any {
		return func(ctx context.Context) error {
			_, err := p.RetryEffects(ctx)
			return err
		}
	})
}
