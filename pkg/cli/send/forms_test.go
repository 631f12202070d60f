package send_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"reprise/pkg/cli/send"
	"reprise/pkg/event"
)

func TestTextComesInManyForms(t *testing.T) {
	plain := text(50, 3)
	var gz, zst, two bytes.Buffer
	zip := gzip.NewWriter(&gz)
	_, _ = io.WriteString(zip, plain)
	_ = zip.Close()
	for _, half := range []string{plain[:len(plain)/2], plain[len(plain)/2:]} {
		member := gzip.NewWriter(&two)
		_, _ = io.WriteString(member, half)
		_ = member.Close()
	}
	pack, _ := zstd.NewWriter(&zst)
	_, _ = io.WriteString(pack, plain)
	_ = pack.Close()
	for name, in := range map[string]string{
		"plain":               plain,
		"no last line feed":   strings.TrimSuffix(plain, "\n"),
		"windows":             strings.ReplaceAll(plain, "\n", "\r\n"),
		"blank lines":         "\n \t\n" + strings.ReplaceAll(plain, "\n", "\n\n  \n"),
		"byte order mark":     "\xef\xbb\xbf" + plain,
		"gzip":                gz.String(),
		"gzip of two members": two.String(),
		"zstd":                zst.String(),
	} {
		s := &server{}
		result, err := send.Send(t.Context(), strings.NewReader(in), options(s))
		if err != nil || result.Accepted != 50 || result.Lines != 50 {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if n, refused, err := send.Check(t.Context(), strings.NewReader(in), false, time.Now()); n != 50 ||
			len(refused) > 0 || err != nil {
			t.Errorf("check of %s: %d %v %v", name, n, refused, err)
		}
	}
}

func TestCutFileIsNoticed(t *testing.T) {
	noise := make([]byte, 2000)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise)
	in := text(50, 3) + line("noise", fmt.Sprintf("%x", noise[:300])) + "\n" + text(3000, 50)
	var gz, zst bytes.Buffer
	zip := gzip.NewWriter(&gz)
	_, _ = io.WriteString(zip, in)
	_ = zip.Close()
	pack, _ := zstd.NewWriter(&zst)
	_, _ = io.WriteString(pack, in)
	_ = pack.Close()
	for name, whole := range map[string]string{"gzip": gz.String(), "zstd": zst.String()} {
		for _, cut := range []int{5, 11, len(whole) / 2, len(whole) - 3} {
			_, err := send.Send(t.Context(), strings.NewReader(whole[:cut]), options(&server{}))
			_, _, checkErr := send.Check(t.Context(), strings.NewReader(whole[:cut]), false, time.Now())
			if err == nil || checkErr == nil {
				t.Errorf("%s cut to %d of %d bytes: %v, %v", name, cut, len(whole), err, checkErr)
			}
		}
	}
}

func TestRefusedLineIsNamedAndEndsIt(t *testing.T) {
	huge := `{"specversion":"1.0","data":"` + strings.Repeat("x", send.MaxLineBytes) + `"}`
	large := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/t","type":"x","subject":"s","data":%q}`,
		strings.Repeat("x", event.MaxDataBytes))
	for name, c := range map[string]struct{ bad, problem string }{
		"no JSON":   {"{", "not valid JSON"},
		"array":     {"[]", "an event is a JSON object"},
		"lacks id":  {`{"specversion":"1.0","source":"/t","type":"x","subject":"s"}`, "id: is required"},
		"bad UTF-8": {"{\"id\":\"\xff\"}", "id: is not valid UTF-8"},
		"JSON as base64": {
			`{"specversion":"1.0","id":"1","source":"/t","type":"x","subject":"s",` +
				`"datacontenttype":"application/json","data_base64":"ew=="}`,
			"data: is not the JSON",
		},
		"too long a line":  {huge, "longer than"},
		"too large a data": {large, "data: is"},
	} {
		in := text(20, 3) + "\n" + c.bad + "\n" + text(20, 3)
		s := &server{}
		result, err := send.Send(t.Context(), strings.NewReader(in), options(s))
		if !errors.Is(err, send.ErrRefused) || len(result.Refused) != 1 || result.Refused[0].Line != 22 ||
			!strings.Contains(result.Refused[0].Problem, c.problem) {
			t.Errorf("%s: %+v, %v", name, result.Refused, err)
		}
		if result.Accepted != 20 || s.total() != 20 || result.Unsent != 22 {
			t.Errorf("%s: %d accepted, first unsent %d", name, result.Accepted, result.Unsent)
		}
		if n, refused, err := send.Check(t.Context(), strings.NewReader(in), false, time.Now()); n != 41 || err != nil ||
			len(refused) != 1 || refused[0].Line != 22 {
			t.Errorf("check of %s: %d %v %v", name, n, refused, err)
		}
	}
}

func TestKeptTimesMustBeThere(t *testing.T) {
	_, refused, err := send.Check(t.Context(), strings.NewReader(text(30, 2)), true, time.Now())
	if err != nil || len(refused) != send.MaxRefusals || refused[0].Attribute != "time" {
		t.Errorf("%v %v", refused, err)
	}
}

// Check must find the times that the server refuses, since it decides on a whole
// file.
func TestKeptTimesMustBeInTheirBounds(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for at, refusals := range map[string]int{
		"2026-03-01T00:04:00Z": 0,
		"2026-03-01T00:06:00Z": 1,
		"1970-01-01T00:00:00Z": 0,
		"1969-12-31T00:00:00Z": 1,
	} {
		in := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/t","type":"x","subject":"s","time":%q}`, at)
		_, refused, err := send.Check(t.Context(), strings.NewReader(in), true, now)
		if err != nil || len(refused) != refusals || (refusals > 0 && refused[0].Attribute != "time") {
			t.Errorf("%s: %v %v", at, refused, err)
		}
		if _, refused, err = send.Check(t.Context(), strings.NewReader(in), false, now); err != nil || len(refused) > 0 {
			t.Errorf("%s, where it is not kept: %v %v", at, refused, err)
		}
		s := &server{}
		o := options(s)
		o.KeepTime, o.Now = true, func() time.Time { return now }
		result, _ := send.Send(t.Context(), strings.NewReader(in), o)
		if len(result.Refused) != refusals || s.total() != 1-refusals {
			t.Errorf("%s: sent, %+v", at, result)
		}
	}
}
