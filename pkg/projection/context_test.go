package projection_test

import "context"

// ctx is the context of a test or of a property's attempt.
func ctx(t any) context.Context {
	if c, ok := t.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return context.Background()
}
