package strict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event/strict"
)

type request struct {
	Name  string          `json:"name,omitempty"`
	Count int             `json:"count"`
	List  []string        `json:"list"`
	Input json.RawMessage `json:"input"`
	At    *time.Time      `json:"at"`
}

func TestUnmarshalDecodesExactInput(t *testing.T) {
	var got request
	text := ` {"name":"\ud83d\ude00\\ud800 \u00e9","list":["a","a"],` +
		`"input":{"a":{"a":[{"a":1},{"a":2}]},"b":null},"count":3,"at":"2026-03-01T00:00:00Z"} ` + "\n"
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	want := request{"😀\\ud800 é", 3, []string{"a", "a"}, json.RawMessage(`{"a":{"a":[{"a":1},{"a":2}]},"b":null}`),
		&at}
	if err := strict.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnmarshalRefusesInputThatWouldChange(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "it is not a JSON object",
		`{`:                            "it is not a JSON object",
		`{"name":}`:                    "it is not a JSON object",
		`{"name":"a",}`:                "it is not a JSON object",
		`null`:                         "it must be an object, not null",
		`[]`:                           "it must be an object, not an array",
		`"a"`:                          "it must be an object, not a string",
		`7`:                            "it must be an object, not a number",
		`true`:                         "it must be an object, not a bool",
		`{}}`:                          "there is text after the object",
		`{}]`:                          "there is text after the object",
		`{} {}`:                        "there is text after the object",
		`{},`:                          "there is text after the object",
		`{}x`:                          "there is text after the object",
		"{}\x00":                       "there is text after the object",
		`{"Name":"a"}`:                 `member "Name" is not known here`,
		`{"names":"a"}`:                `member "names" is not known here`,
		`{"":"a"}`:                     `member "" is not known here`,
		`{"name":"a","name":"a"}`:      `name is given twice`,
		`{"name":"a","n\u0061me":"a"}`: `name is given twice`,
		`{"input":{"a":1,"a":1}}`:      `input has "a" twice`,
		`{"input":[{},{"b":{"a":1,"c":[],"a":1}}]}`: `input has "a" twice`,
		`{"name":7}`:                             "name must not be a number",
		`{"list":["a",{}]}`:                      "list must not be a object",
		"{\"name\":\"\xff\"}":                    "the text is not valid UTF-8",
		`{"name":"\ud800"}`:                      "name is not valid Unicode",
		`{"name":"\udc00\ud800"}`:                "name is not valid Unicode",
		`{"name":"a\ud800\u0041"}`:               "name is not valid Unicode",
		`{"name":"\\\ud800"}`:                    "name is not valid Unicode",
		`{"list":["a","\uDBFF"]}`:                "list is not valid Unicode",
		`{"input":{"\ud800":1}}`:                 "input is not valid Unicode",
		`{"count":1e400}`:                        "count must not be a number 1e400",
		`{"` + strings.Repeat("a", 200) + `":1}`: `member "` + strings.Repeat("a", 52) + "… is not known here",
	} {
		var got request
		err := strict.Unmarshal([]byte(text), &got)
		if refusal, ok := errors.AsType[*strict.Error](err); !ok || refusal.Error() != want {
			t.Errorf("%.60s:\n got %v\nwant %s", text, err, want)
		}
	}
	var wrong *strict.Error
	if err := strict.Unmarshal([]byte(`{"at":"noon"}`), new(request)); err == nil || errors.As(err, &wrong) {
		t.Errorf("the error of a member's own decoder is %v", err)
	}
}

// Accepted input is decoded as by the standard decoder, and encoding and decoding the
// result gives the same.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"name":"\ud83d\ude00","list":["a"],"input":{"a":{"a":[{"a":1}]}},"count":3}`))
	f.Add([]byte(`{"input":{"a":"\ud800"}} `))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, plain request
		if strict.Unmarshal(text, &got) != nil {
			return
		}
		if err := json.Unmarshal(text, &plain); err != nil || !reflect.DeepEqual(got, plain) {
			t.Errorf("%q is %+v, %v", text, plain, err)
		}
		if bytes.ContainsRune(text, '\ufffd') || bytes.Contains(bytes.ToLower(text), []byte(`\ufffd`)) {
			return
		}
		if strings.ContainsRune(got.Name+strings.Join(got.List, ""), '\ufffd') {
			t.Errorf("%q was changed to %+v", text, got)
		}
	})
}
