package jsonata

import (
	"fmt"
	"slices"
	"strings"

	"github.com/blues/jsonata-go/jparse"
)

// MaxSourceBytes limits an expression, and thereby the depth of its tree.
const MaxSourceBytes = 16 << 10

// Expr is a compiled expression. It is immutable and safe for concurrent use.
type Expr struct {
	source string
	root   jparse.Node
	refs   []Reference
}

// Reference is a place where an expression reads a variable.
type Reference struct {
	Variable string   // the name without the dollar sign
	Field    string   // the first field read, "" if the whole variable is read
	Path     []string // the leading constant field names, beginning with Field
}

// SyntaxError is the reason why Compile refused an expression.
type SyntaxError struct{ Source, Reason string }

func (e *SyntaxError) Error() string { return fmt.Sprintf("expression %q: %s", e.Source, e.Reason) }

// Compile parses an expression. It fails with a *SyntaxError if the expression
// does not parse or is outside the subset.
func Compile(source string) (*Expr, error) {
	refuse := func(format string, args ...any) (*Expr, error) {
		return nil, &SyntaxError{Source: source, Reason: fmt.Sprintf(format, args...)}
	}
	if len(source) > MaxSourceBytes {
		return refuse("longer than %d bytes", MaxSourceBytes)
	}
	if err := checkText(source); err != nil {
		return refuse("%v", err)
	}
	root, err := parse(source)
	if err != nil {
		return refuse("does not parse: %v", err)
	}
	c := &checker{}
	if err := c.check(root, false); err != nil {
		return refuse("%v", err)
	}
	return &Expr{source: source, root: root, refs: c.refs}, nil
}

// checkText refuses what the parser would misread: it takes # and @ for part of
// a field name, and never gets past a lone ! or ~.
func checkText(source string) error {
	inName := false
	for i := 0; i < len(source); i++ {
		c := source[i]
		next := byte(0)
		if i+1 < len(source) {
			next = source[i+1]
		}
		switch {
		case c == '#' || c == '@':
			return fmt.Errorf("the operator %c is not supported", c)
		case (c == '!' && next != '=') || (c == '~' && next != '>'):
			return fmt.Errorf("%c is not an operator", c)
		case strings.IndexByte("\"'`", c) < 0:
		case inName:
			return fmt.Errorf("the name before the quote %c has no end: separate them", c)
		case c == '`':
			i += 1 + strings.IndexByte(source[i+1:]+"`", c)
			continue
		default:
			i = stringEnd([]byte(source), i)
			continue
		}
		inName = strings.IndexByte(" \t\n\r\v!~[]{}().,;:?+-*/%|=<>^&", c) < 0
	}
	return nil
}

// parse turns any panic of the parser into an error: jparse recovers only from
// its own panics.
func parse(source string) (root jparse.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("parser failed: %v", r)
		}
	}()
	return jparse.Parse(source)
}

// Source is the text that was compiled.
func (e *Expr) Source() string { return e.source }

// References lists the variables that the expression reads, in order.
func (e *Expr) References() []Reference { return slices.Clone(e.refs) }

// Reads reports whether the expression may read the field of the variable.
func (e *Expr) Reads(variable, field string) bool {
	return slices.ContainsFunc(e.refs, func(r Reference) bool {
		return r.Variable == variable && (r.Field == "" || r.Field == field)
	})
}

// IsFunctionName reports whether JSONata has a function of that name, so that
// no variable may have it.
func IsFunctionName(name string) bool { return slices.Contains(functionNames, name) }

// functionNames are the functions of JSONata 2 and those that Step Functions
// adds.
var functionNames = []string{
	"abs", "append", "assert", "average", "base64decode", "base64encode", "boolean", "ceil", "clone",
	"contains", "count", "decodeUrl", "decodeUrlComponent", "distinct", "each", "encodeUrl",
	"encodeUrlComponent", "error", "eval", "exists", "filter", "floor", "formatBase", "formatInteger",
	"formatNumber", "fromMillis", "hash", "join", "keys", "length", "lookup", "lowercase", "map", "match",
	"max", "merge", "millis", "min", "not", "now", "number", "pad", "parse", "parseInteger", "partition",
	"power", "random", "range", "reduce", "replace", "reverse", "round", "shuffle", "sift", "single", "sort",
	"split", "spread", "sqrt", "string", "substring", "substringAfter", "substringBefore", "sum", "toMillis",
	"trim", "type", "uppercase", "uuid", "zip",
}
