package web

import "context"

// callerKey is the key of the caller in a context.
type callerKey struct{}

// WithCaller returns a context that knows who made a request, as whatever authenticated
// it says. What a client says of itself must not be given.
func WithCaller(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// Caller is who made the request of a context, "" if nothing has authenticated it.
func Caller(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(string)
	return who
}
