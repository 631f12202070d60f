package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func scanAll(text string) (*scanner, error) {
	s := newScanner(text)
	_, err := s.value(1)
	if err == nil && (s.peek() != 0 || s.at != len(text)) {
		err = errSyntax
	}
	return s, err
}

// checkScan checks the scanner against encoding/json.
func checkScan(t interface {
	Helper()
	Errorf(string, ...any)
}, text string) {
	t.Helper()
	s, err := scanAll(text)
	if errors.Is(err, errDepth) {
		return
	}
	if valid := json.Valid([]byte(text)); valid != (err == nil) {
		t.Errorf("the scanner says %v of %q; encoding/json: valid is %v", err, text, valid)
		return
	}
	if err != nil {
		return
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(text)); err != nil {
		t.Errorf("compact %q: %v", text, err)
	}
	if got := compact(text); got != want.String() {
		t.Errorf("compact(%q) = %q, want %q", text, got, want.String())
	}
	if !s.spaced && want.String() != text {
		t.Errorf("%q is not compact, but the scanner met no white space", text)
	}
}

// Short texts over the characters that matter: all of up to five, and longer
// ones by chance.
func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	tokens := []string{"{", "}", "[", "]", ":", ",", `"`, `\`, "a", "0", "1", "-", ".", "e", "+", " ", "true", "null",
		`"a"`, `\u00e9`, "\x00", "\x1f", "\xff"}
	var all func(prefix string, n int)
	all = func(prefix string, n int) {
		checkScan(t, prefix)
		if n == 0 {
			return
		}
		for _, token := range tokens {
			all(prefix+token, n-1)
		}
	}
	all("", 3)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 100_000 {
		var b strings.Builder
		for range 3 + random.IntN(12) {
			b.WriteString(tokens[random.IntN(len(tokens))])
		}
		checkScan(t, b.String())
	}
}

// Valid texts with one byte changed, removed or put in.
func TestScannerAgreesOnMutations(t *testing.T) {
	seeds := []string{
		`{"a":[1,-2.5e+10,true,false,null,"x\"\\\/\b\f\n\r\t\u00e9\ud83d\ude80"],"b":{},"c":[]}`,
		` [ 0 , -0 , 0.0 , 1E5 , "" , { "" : { "a" : [ ] } } ] `,
	}
	for _, seed := range seeds {
		for i := range len(seed) {
			checkScan(t, seed[:i]+seed[i+1:])
			for c := range 256 {
				checkScan(t, seed[:i]+string([]byte{byte(c)})+seed[i+1:])
				checkScan(t, seed[:i]+string([]byte{byte(c)})+seed[i:])
			}
		}
	}
}

func TestScannerDepth(t *testing.T) {
	for _, c := range []struct{ open, shut string }{{"[", "]"}, {`{"a":`, "}"}, {`[{"a":`, "}]"}} {
		levels := strings.Count(c.open, "[") + strings.Count(c.open, "{")
		for n, want := range map[int]error{maxDepth / levels: nil, maxDepth/levels + 1: errDepth} {
			text := strings.Repeat(c.open, n) + "1" + strings.Repeat(c.shut, n)
			if _, err := scanAll(text); !errors.Is(err, want) {
				t.Errorf("%d times %s: %v, want %v", n, c.open, err, want)
			}
		}
	}
}

// unquote against encoding/json, which makes U+FFFD of a lone surrogate where
// unquote makes an invalid byte.
func TestUnquoteAgreesWithEncodingJSON(t *testing.T) {
	parts := rapid.SampledFrom([]string{"a", "é", "🚀", "\ufffd", `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`,
		`\u0041`, `\u00e9`,
		`\uFFFD`, `\uABCD`, `\uabcd`, `\ud83d`, `\ude80`, `\ud83d\ude80`, `\uDBFF\uDFFF`, `\uD800`, `\udc00`, `\u0000`,
		"ud83d"})
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "parts"), "")
		var want string
		if err := json.Unmarshal([]byte(`"`+raw+`"`), &want); err != nil {
			t.Fatal(err)
		}
		got := unquote(raw)
		if strings.ReplaceAll(got, "\xff", "\ufffd") != want {
			t.Errorf("unquote(%q) = %q, want %q", raw, got, want)
		}
		quoted := string(appendString(nil, want))
		var again string
		if err := json.Unmarshal([]byte(quoted), &again); err != nil || again != want {
			t.Errorf("appendString(%q) = %s, which reads as %q, %v", want, quoted, again, err)
		}
	})
}

func TestIsBase64AgreesWithEncodingBase64(t *testing.T) {
	check := func(s string) {
		_, err := base64.StdEncoding.DecodeString(s)
		if want := err == nil && !strings.ContainsAny(s, "\r\n"); isBase64(s) != want {
			t.Errorf("isBase64(%q) is %v, want %v", s, !want, want)
		}
	}
	const some = "AQz9+/=-_ \n\"\x00é"
	var all func(prefix string, n int)
	all = func(prefix string, n int) {
		check(prefix)
		check("AAAA" + prefix)
		for i := 0; n > 0 && i < len(some); i++ {
			all(prefix+some[i:i+1], n-1)
		}
	}
	all("", 4)
	for c := range 256 {
		check("AAA" + string([]byte{byte(c)}))
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e+10,true,null,"x\"\u00e9"]}`, " [ ] ", `"\ud800"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkScan(t, text)
		if utf8.ValidString(text) {
			e := Event{ID: "1", Source: "/s", Type: "t", Subject: "e", Data: text}
			if err := e.Validate(); err == nil && len(text) > 0 {
				if again, err := Parse(string(e.AppendJSON(nil))); err != nil || again.Data != text {
					t.Errorf("data %q reads back as %q, %v", text, again.Data, err)
				}
			}
		}
	})
}

func TestIndexOfAgreesWithTheListOfAttributes(t *testing.T) {
	for i, name := range attributes {
		if got := indexOf(name); got != i {
			t.Errorf("%s has the index %d, and is found at %d", name, i, got)
		}
	}
	if got := indexOf("traceparent"); got != -1 {
		t.Errorf("an extension is found at %d", got)
	}
}
