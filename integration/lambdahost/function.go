package lambdahost

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Function is a function as deployed.
type Function struct {
	Name string
	// Binary is the path of its executable.
	Binary string
	// Env are its own environment variables.
	Env map[string]string
	// Timeout bounds an invocation; 0 means 3 s, as on AWS.
	Timeout time.Duration
	// Concurrency bounds the concurrent invocations of all versions together;
	// more are throttled. 0 means 10, the limit of a new account.
	Concurrency int
	// MemoryMB is what the function reads in its environment; it is not enforced.
	// 0 means 128.
	MemoryMB int
}

// latest is the qualifier of the version that can be changed.
const latest = "$LATEST"

func (f Function) withDefaults() (Function, error) {
	if f.Name == "" || f.Binary == "" || strings.ContainsAny(f.Name, ":/") {
		return f, fmt.Errorf("function %q: a name without colon or slash and a binary are required", f.Name)
	}
	if f.Timeout < 0 || f.Concurrency < 0 || f.MemoryMB < 0 {
		return f, fmt.Errorf("function %q: a limit is negative", f.Name)
	}
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.Concurrency = cmp.Or(f.Concurrency, 10)
	f.MemoryMB = cmp.Or(f.MemoryMB, 128)
	f.Env = maps.Clone(f.Env)
	return f, nil
}

// Reference names a function or, if Qualifier is not "", one of its versions or
// aliases.
type Reference struct{ Name, Qualifier string }

// ParseReference reads a function's name in every form that Lambda accepts: NAME,
// NAME:QUALIFIER, ACCOUNT:function:NAME or an ARN, with or without a qualifier.
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

// ErrInvalidReference means that a text does not name a function.
var ErrInvalidReference = errors.New("not a function's name or ARN")

// ARN is the ARN of a function, or of one of its versions and aliases.
func (h *Host) ARN(r Reference) string {
	arn := "arn:aws:lambda:" + h.config.Region + ":" + h.config.Account + ":function:" + r.Name
	if r.Qualifier != "" {
		arn += ":" + r.Qualifier
	}
	return arn
}
