package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"reprise/pkg/asl"
	"reprise/pkg/asl/states"
)

// maxDiagnostics is the service's limit, and default, for the diagnostics of one
// answer.
const maxDiagnostics = 100

type validateRequest struct {
	Definition, Type, Severity string
	MaxResults                 int
}

// diagnostic is a reason to refuse a definition (ERROR) or advice (WARNING).
type diagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
}

// validateDefinition parses a definition, and lints it if warnings are wanted.
func (s *Server) validateDefinition(_ context.Context, in validateRequest) (any, error) {
	if in.MaxResults > maxDiagnostics {
		return nil, fmt.Errorf("%w: maxResults must be from 0 to %d", states.ErrValidation, maxDiagnostics)
	}
	result, found := "OK", []diagnostic{}
	machine, err := asl.Parse([]byte(in.Definition), nil)
	refused := (*asl.DefinitionError)(nil)
	switch {
	case errors.As(err, &refused):
		result, found = "FAIL", diagnostics("ERROR", "REFUSED", refused.Problems)
	case err != nil:
		return nil, err
	case in.Severity == "WARNING":
		found = diagnostics("WARNING", "ADVICE", asl.Lint(machine))
	}
	limit := cmp.Or(in.MaxResults, maxDiagnostics)
	kept := found[:min(limit, len(found))]
	return map[string]any{"result": result, "diagnostics": kept, "truncated": len(kept) < len(found)}, nil
}

func diagnostics(severity, code string, problems []asl.Problem) []diagnostic {
	all := make([]diagnostic, len(problems))
	for i, p := range problems {
		all[i] = diagnostic{Severity: severity, Code: code, Message: p.String()}
		if p.State != "" {
			all[i].Location = "/States/" + p.State
		}
	}
	return all
}
