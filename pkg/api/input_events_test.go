package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// inputCase is an event in every form that can express it.
type inputCase struct {
	name string
	// text is the event in the JSON format. headers and body are the event in
	// binary mode. "" and nil mean that the form cannot express it.
	text    string
	headers map[string]string
	body    string
	// fault is the attribute that every refusal names, or accepted if nothing
	// refuses the event.
	fault string
	// imported is the fault if the event's own time is kept; "" means the same
	// as fault.
	imported string
	// new is true if the rule is for new events: what is in the stream was
	// accepted earlier and stays readable.
	new bool
	// line is the canonical line, if the test knows it.
	line string
}

const (
	accepted = "accepted"
	// whole is the fault of a refusal that names no attribute.
	whole = ""
)

// same builds a case from JSON members, which replace those of a good event; "-"
// removes one. If all its attributes are texts, it also has the headers and the body
// of the same event in binary mode.
func same(name, fault string, members ...string) inputCase {
	all := []string{"specversion", `"1.0"`, "id", `"1"`, "source", `"/s"`, "type", `"t"`, "subject", `"e"`, "time",
		`"2026-03-01T00:00:00Z"`}
	for i := 0; i < len(members); i += 2 {
		if at := slices.Index(all, members[i]); at >= 0 && at%2 == 0 {
			all[at+1] = members[i+1]
		} else {
			all = append(all, members[i:i+2]...)
		}
	}
	c := inputCase{name: name, fault: fault, headers: map[string]string{}}
	var text []string
	kind := ""
	for i := 0; i < len(all); i += 2 {
		if all[i+1] == "-" {
			continue
		}
		text = append(text, fmt.Sprintf(`"%s":%s`, all[i], all[i+1]))
		if all[i] == "datacontenttype" {
			kind = plain(all[i+1])
		}
	}
	c.text = "{" + strings.Join(text, ",") + "}"
	for i := 0; i < len(all) && c.headers != nil; i += 2 {
		c.header(all[i], all[i+1], kind)
	}
	return c
}

// header adds a member to the binary form, or drops that form.
func (c *inputCase) header(name, value, kind string) {
	isText := strings.HasPrefix(value, `"`)
	switch {
	case value == "-":
	case name == "data" && strings.HasSuffix(kind, "json"):
		c.body = value
	case name == "data" && strings.Contains(kind, "/") && isText && plain(value) != "":
		c.body = plain(value)
	case name == "data_base64" && isText:
		raw, err := base64.StdEncoding.Strict().DecodeString(plain(value))
		if c.body = string(raw); err != nil || len(raw) == 0 {
			c.headers = nil
		}
	case name == "data" || name == "data_base64" || !isText || strings.Contains(value, `\ud8`):
		c.headers = nil
	case name == "datacontenttype" && plain(value) != "":
		c.headers["content-type"] = plain(value)
	default:
		c.headers["ce-"+name] = percent(plain(value))
	}
}

// plain is the value of a JSON string. If there are no escapes, it keeps the
// bytes, valid or not.
func plain(value string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	if strings.Contains(text, `\`) && json.Unmarshal([]byte(value), &text) != nil {
		return ""
	}
	return text
}

// percent encodes everything that a header cannot carry unchanged.
func percent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7f && c != '%' && c != '"' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// raw is a case in binary mode only. Its headers replace those of a good event.
func raw(name, fault string, headers ...string) inputCase {
	c := same(name, fault)
	c.text = ""
	for i := 0; i < len(headers); i += 2 {
		if c.headers[headers[i]] = headers[i+1]; headers[i+1] == "-" {
			delete(c.headers, headers[i])
		}
	}
	return c
}

func (c inputCase) withBody(body string) inputCase { c.body = body; return c }

func (c inputCase) forNew() inputCase { c.new = true; return c }

func (c inputCase) onImport(fault string) inputCase {
	c.imported = fault
	return c
}

func (c inputCase) as(line string) inputCase {
	c.line = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"e",` +
		`"time":"2026-03-01T00:00:00Z"` + line + "}"
	return c
}

// TestEveryWayInAcceptsTheSameEvents sends every event every way: it must be
// accepted as the same line, or refused for the same attribute. A check that
// only one way makes fails the test.
func TestEveryWayInAcceptsTheSameEvents(t *testing.T) {
	e := newEdge(t)
	taken := map[string]int{}
	for _, c := range slices.Concat(inputCases(), directionCases()) {
		line := c.line
		for _, w := range ways() {
			want := c.fault
			if w.imports && c.imported != "" {
				want = c.imported
			}
			if w.log && c.new {
				want = accepted // in its own form, which stays readable
			}
			got, ok := w.take(e, c)
			if !ok {
				continue
			}
			taken[w.name]++
			if got.accepted != (want == accepted) || (!got.accepted && got.fault != want) {
				t.Errorf("%s, %s: %.200s; want %q", c.name, w.name, got, want)
				continue
			}
			if !got.accepted || (w.log && c.new) {
				continue
			}
			if line == "" {
				line = got.line
			}
			if got.line != line {
				t.Errorf("%s, %s: %.300s; want %.300s", c.name, w.name, got.line, line)
			}
		}
	}
	for _, w := range ways() {
		if taken[w.name] < 100 {
			t.Errorf("%s: only %d cases", w.name, taken[w.name])
		}
	}
}
