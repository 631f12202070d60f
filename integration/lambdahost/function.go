package lambdahost

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Function is a function as it was deployed.
type Function struct {
	Name string
	// Binary is the path of its executable.
	Binary string
	// Env are its own environment variables.
	Env map[string]string
	// Timeout bounds an invocation; 0 means 3 s, as on AWS.
	Timeout time.Duration
	// Concurrency bounds the invocations at a time, over all versions; one more
	// is throttled. 0 means 10, which is what a new account has in all.
	Concurrency int
	// MemoryMB is told to the function; nothing enforces it. 0 means 128.
	MemoryMB int
}

const (
	defaultTimeout     = 3 * time.Second
	defaultConcurrency = 10
	defaultMemory      = 128
	// latest is the qualifier of the version that can be changed.
	latest = "$LATEST"
)

func (f Function) withDefaults() (Function, error) {
	if f.Name == "" || f.Binary == "" || strings.ContainsAny(f.Name, ":/") {
		return f, fmt.Errorf("function %q: a name without colon or slash and a binary are required", f.Name)
	}
	if f.Timeout < 0 || f.Concurrency < 0 || f.MemoryMB < 0 {
		return f, fmt.Errorf("function %q: a limit is negative", f.Name)
	}
	if f.Timeout == 0 {
		f.Timeout = defaultTimeout
	}
	if f.Concurrency == 0 {
		f.Concurrency = defaultConcurrency
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = defaultMemory
	}
	f.Env = maps.Clone(f.Env)
	return f, nil
}

// Reference names a function and, where Qualifier is not "", one of its
// versions or aliases.
type Reference struct{ Name, Qualifier string }

// ParseReference reads what Lambda takes for a function's name: NAME,
// NAME:QUALIFIER, ACCOUNT:function:NAME or an ARN, with a qualifier or without.
func ParseReference(text string) (Reference, error) {
	parts := strings.Split(text, ":")
	for i, part := range parts {
		if part == "function" && i < len(parts)-1 {
			parts = parts[i+1:]
			break
		}
	}
	if len(parts) > 2 || parts[0] == "" || (len(parts) == 2 && parts[1] == "") {
		return Reference{}, fmt.Errorf("%q: %w", text, ErrInvalidReference)
	}
	r := Reference{Name: parts[0]}
	if len(parts) == 2 {
		r.Qualifier = parts[1]
	}
	return r, nil
}

// ErrInvalidReference says that a text names no function.
var ErrInvalidReference = errors.New("not a function's name or ARN")

// ARN is the ARN of a function, or of one of its versions and aliases.
func (h *Host) ARN(r Reference) string {
	arn := "arn:aws:lambda:" + h.config.Region + ":" + h.config.Account + ":function:" + r.Name
	if r.Qualifier != "" {
		arn += ":" + r.Qualifier
	}
	return arn
}
