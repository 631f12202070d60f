package mask

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"reprise/pkg/event/strict"
)

// ErrRules says that rules or a key cannot be used. A retry cannot help.
var ErrRules = errors.New("invalid masking rules")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRules, fmt.Sprintf(format, args...))
}

// The actions.
const (
	keep    = "keep"
	hash    = "hash"
	replace = "replace"
	drop    = "drop"
	entity  = "entity"
	refuse  = "refuse"
)

// action is what is done to a value.
type action struct {
	do string
	// prefixes are kept at the beginning of what is hashed.
	prefixes []string
	// with replaces the value, as JSON.
	with json.RawMessage
	// optional says that the value may be absent or null.
	optional bool
}

// actionText is an action in its long form.
type actionText struct {
	Do       string          `json:"do"`
	Prefixes []string        `json:"prefixes,omitempty"`
	With     json.RawMessage `json:"with,omitempty"`
	Optional bool            `json:"optional,omitempty"`
}

// rulesText is the file.
type rulesText struct {
	Format   int             `json:"format"`
	Entities json.RawMessage `json:"entities"`
	IDs      json.RawMessage `json:"ids,omitempty"`
	Sources  json.RawMessage `json:"sources,omitempty"`
	Types    json.RawMessage `json:"types"`
}

// typeText are the rules of a type.
type typeText struct {
	Data       json.RawMessage `json:"data,omitempty"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Others     string          `json:"others,omitempty"`
}

// typeRules are the parsed rules of a type.
type typeRules struct {
	data       *node
	attributes map[string]action
	// others says that members and attributes that no rule names are refused.
	refuseOthers bool
}

// Rules say what is masked. They are safe for concurrent use.
type Rules struct {
	entities, ids, sources action
	types                  map[string]typeRules
	// sum is the SHA-256 of the file.
	sum string
}

// Parse reads rules.
func Parse(text []byte) (*Rules, error) {
	var file rulesText
	if err := strict.Unmarshal(text, &file); err != nil {
		return nil, invalid("%v", err)
	}
	if file.Format != 1 {
		return nil, invalid("format is %d; this release knows format 1", file.Format)
	}
	sum := sha256.Sum256(text)
	r := &Rules{types: make(map[string]typeRules), sum: hex.EncodeToString(sum[:])}
	for _, one := range []struct {
		name     string
		raw      json.RawMessage
		into     *action
		required bool
	}{{"entities", file.Entities, &r.entities, true}, {"ids", file.IDs, &r.ids, false},
		{"sources", file.Sources, &r.sources, false}} {
		if len(one.raw) == 0 && one.required {
			return nil, invalid("%s is required: keep, or hash", one.name)
		}
		a, err := actionOf(one.name, one.raw)
		if err != nil {
			return nil, err
		}
		if a.do != keep && a.do != hash {
			return nil, invalid("%s: only keep and hash are possible", one.name)
		}
		*one.into = a
	}
	err := members(file.Types, func(name string, raw json.RawMessage) error {
		rules, err := typeOf(name, raw)
		r.types[name] = rules
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	return r, nil
}

func typeOf(name string, raw json.RawMessage) (typeRules, error) {
	var text typeText
	if err := strict.Unmarshal(raw, &text); err != nil {
		return typeRules{}, invalid("%s: %v", name, err)
	}
	if !slices.Contains([]string{"", keep, refuse}, text.Others) {
		return typeRules{}, invalid("%s: others must be keep or refuse", name)
	}
	rules := typeRules{data: &node{}, attributes: make(map[string]action), refuseOthers: text.Others == refuse}
	err := members(text.Attributes, func(attribute string, raw json.RawMessage) (err error) {
		rules.attributes[attribute], err = actionOf(name+": "+attribute, raw)
		return err
	})
	if err != nil {
		return typeRules{}, err
	}
	err = members(text.Data, func(pointer string, raw json.RawMessage) error {
		a, err := actionOf(name+": "+pointer, raw)
		if err != nil {
			return err
		}
		return rules.data.add(name, pointer, a)
	})
	return rules, err
}

// actionOf reads an action: its name, or an object.
func actionOf(where string, raw json.RawMessage) (action, error) {
	if len(raw) == 0 {
		return action{do: keep}, nil
	}
	var text actionText
	if json.Unmarshal(raw, &text.Do) != nil {
		if err := strict.Unmarshal(raw, &text); err != nil {
			return action{}, invalid("%s: %v", where, err)
		}
	}
	a := action{do: text.Do, prefixes: text.Prefixes, with: text.With, optional: text.Optional}
	switch {
	case !slices.Contains([]string{keep, hash, replace, drop, entity}, a.do):
		return action{}, invalid("%s: the action must be keep, hash, replace, drop or entity", where)
	case (a.do == replace) != (len(a.with) > 0):
		return action{}, invalid("%s: replace needs with, and nothing else has it", where)
	case a.do != hash && len(a.prefixes) > 0:
		return action{}, invalid("%s: only hash has prefixes", where)
	}
	if len(a.with) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, a.with); err != nil {
			return action{}, invalid("%s: %v", where, err)
		}
		a.with = compact.Bytes()
	}
	// The longest prefix that fits is kept.
	slices.SortFunc(a.prefixes, func(x, y string) int { return len(y) - len(x) })
	return a, nil
}

// members calls visit for every member of an object, and refuses one that is given twice.
func members(raw json.RawMessage, visit func(name string, value json.RawMessage) error) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return invalid("an object is expected")
	}
	seen := make(map[string]bool)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return invalid("%v", err)
		}
		text, _ := name.(string) // the names of members are strings
		if seen[text] {
			return invalid("%q is given twice", text)
		}
		seen[text] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return invalid("%v", err)
		}
		if err := visit(text, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return invalid("%v", err)
	}
	return nil
}

// node is what the rules of a type say about a value of its data.
type node struct {
	// do is nil if only values inside are named.
	do      *action
	members map[string]*node
	// each is about every element of an array, or every member that is not named.
	each *node
}

// add adds the rule of a JSON pointer (RFC 6901), in which * is every element or member.
func (n *node) add(kind, pointer string, a action) error {
	if pointer != "" && !strings.HasPrefix(pointer, "/") {
		return invalid("%s: %q is no JSON pointer: it must begin with a slash", kind, pointer)
	}
	at := n
	for _, token := range strings.Split(pointer, "/")[1:] {
		if at.do != nil {
			return invalid("%s: %q lies inside of a value that has a rule itself", kind, pointer)
		}
		if token == "*" {
			if at.each == nil {
				at.each = &node{}
			}
			at = at.each
			continue
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if at.members == nil {
			at.members = make(map[string]*node)
		}
		if at.members[name] == nil {
			at.members[name] = &node{}
		}
		at = at.members[name]
	}
	if at.do != nil || at.members != nil || at.each != nil {
		return invalid("%s: %q lies around a value that has a rule itself, or is given twice", kind, pointer)
	}
	at.do = &a
	return nil
}

// empty reports whether there are no rules.
func (n *node) empty() bool { return n.do == nil && n.members == nil && n.each == nil }

// optional reports whether the value may be absent.
func (n *node) optional() bool {
	if n.do != nil {
		return n.do.optional || n.do.do == keep
	}
	for _, m := range n.members {
		if !m.optional() {
			return false
		}
	}
	return n.each == nil || n.each.optional()
}
