package wiring

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/aws/settings"
)

// Start runs a function, named by its folder, until Lambda ends its environment. If
// it cannot begin, it logs why and exits, so that Lambda tries another environment.
// Every invocation ends with a log line that says what it used.
func Start(function string, handlerOf func(*Platform) any) {
	log := NewLog(os.Stdout, function)
	ctx := context.Background()
	p, err := open(ctx, function, log)
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "function cannot begin", slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.StartWithOptions(Accounted(p, Early(lambda.NewHandler(handlerOf(p)))), lambda.WithContext(ctx))
}

// HTTP returns a function that serves h behind the HTTP API.
func HTTP(h http.Handler) any { return lambdahttp.Serve(h) }

func open(ctx context.Context, function string, log *slog.Logger) (*Platform, error) {
	s, err := settings.Load(function, os.Getenv)
	if err != nil {
		return nil, err
	}
	return OnAWS(ctx, function, s, log)
}
