package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// hostile would clear the screen, colour it twice, turn the text round, and forge a row.
const hostile = "x\x1b[2J\u009b31m\x7f\u202e\nforged"

// poison sets every text in a value to hostile.
func poison(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		raw, _ := json.Marshal(map[string]string{hostile: hostile})
		v.SetBytes(raw)
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1e9, 0)))
	case v.Kind() == reflect.String:
		v.SetString(hostile)
	case v.Kind() == reflect.Int || v.Kind() == reflect.Int64:
		v.SetInt(1)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		poison(v.Index(0))
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		poison(key)
		poison(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "Next" {
				poison(v.Field(i))
			}
		}
	}
}

func poisoned[T any]() T {
	var value T
	poison(reflect.ValueOf(&value).Elem())
	return value
}

// answers are hostile answers by path, for a replay that has ended as status.
func answers(status replay.Status) map[string]any {
	view, list := poisoned[lifecycle.View](), poisoned[api.ReplaysPage]()
	view.Status = status
	return map[string]any{
		"/replays/r/pause": view, "/replays/r/resume": view, "/replays/r/continue": view, "/replays/r/rate": view,
		"/replays/r/progress": poisoned[lifecycle.Detail](),
		"/replays":            list, "/replays/r": view, "/replays/r/cancel": view, "/status": poisoned[api.StatusView](),
		"/entities/YQ": poisoned[entities.View](), "/entities/YQ/events": poisoned[entities.HistoryPage](),
		"/lanes": poisoned[api.LanesView](), "/rows": poisoned[entities.RowsPage](), "/state/wipe": poisoned[api.Wiped](),
		"/generations": poisoned[api.GenerationsView](), "/events": poisoned[intake.Accepted](),
	}
}

func TestNothingFromTheServerSteersTheTerminal(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(r *http.Request) (int, any){
		"succeeded": func(r *http.Request) (int, any) { return http.StatusOK, answers(replay.Succeeded)[r.URL.Path] },
		"failed":    func(r *http.Request) (int, any) { return http.StatusOK, answers(replay.Failed)[r.URL.Path] },
		"refused":   func(*http.Request) (int, any) { return http.StatusBadRequest, poisoned[web.Problem]() },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body := serve(r)
			if _, listed := body.(api.ReplaysPage); listed && r.Method == http.MethodPost {
				body = answers(replay.Succeeded)["/replays/r"]
			}
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}))
		for _, args := range []string{"status", "replay list", "replay get r", "replay watch r", "replay cancel r",
			"replay pause r", "replay resume r", "replay continue r", "replay set-rate r 5",
			"replay start --name r", "state get a", "state export", "events a", "state wipe --yes", "send -"} {
			for _, asJSON := range []bool{false, true} {
				onTerminal(t, name, server.URL, strings.Fields(args), asJSON)
			}
		}
		server.Close()
	}
}

// onTerminal runs a command whose output goes to a terminal.
func onTerminal(t *testing.T, name, endpoint string, args []string, asJSON bool) {
	t.Helper()
	var out bytes.Buffer
	s := &shell{t: t, endpoint: endpoint, change: func(a *command.App) { a.Stdout = printable.NewWriter(&out) }}
	if asJSON {
		args = append(args, "--json")
	}
	got := s.run(account("a", 0), args...)
	for _, text := range []string{out.String(), got.stderr} {
		steers := func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) }
		if at := strings.IndexFunc(text, steers); at >= 0 {
			t.Errorf("%s: reprise %v: %q", name, args, text[max(0, at-20):min(len(text), at+20)])
		}
		if !asJSON && strings.Contains(text, "\nforged") {
			t.Errorf("%s: reprise %v shows a forged row: %q", name, args, text)
		}
	}
	if asJSON {
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: reprise %v prints %q", name, args, line)
			}
		}
	}
	if out.Len() == 0 && got.stderr == "" {
		t.Errorf("%s: reprise %v printed nothing", name, args)
	}
}

// The name of a replay that somebody was talked into typing is refused, and never printed
// as it is.
func TestAHostileNameSteersNeitherReplaysNorTheTerminal(t *testing.T) {
	t.Parallel()
	endpoint := startPlatform(t)
	for _, action := range []string{"pause", "resume", "cancel", "continue", "get", "watch", "set-rate"} {
		args := []string{"replay", action, hostile}
		if action == "set-rate" {
			args = append(args, "5")
		}
		onTerminal(t, "hostile name", endpoint, args, false)
		if got := (&shell{t: t, endpoint: endpoint}).run("", args...); got.code == command.ExitFine {
			t.Errorf("reprise replay %s: %+v", action, got)
		}
	}
	for _, rate := range []string{"-1", "NaN", "1e400", "5x", "10000001", "\x1b[2J", ""} {
		onTerminal(t, "hostile rate", endpoint, []string{"replay", "set-rate", "--", "r", rate}, false)
	}
	onTerminal(t, "hostile name", endpoint, []string{"replay", "start", "--name", hostile}, false)
	onTerminal(t, "hostile entity", endpoint, []string{"replay", "start", "--name", "r", "--entity", hostile}, false)
	if out := (&shell{t: t, endpoint: endpoint}).fine("", "replay", "list"); strings.Contains(out, "forged") {
		t.Errorf("a replay was started: %s", out)
	}
}
