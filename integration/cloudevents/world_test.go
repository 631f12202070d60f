package cloudevents

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/integration/deployed"
	"reprise/integration/readback"
	"reprise/pkg/api/intake"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// world is a platform with two ways in.
type world struct {
	*localtest.Platform
	// urls accept events: the platform's own, and that of a gateway that hands each
	// request to the same API in the form that a function behind API Gateway gets.
	urls     []string
	accepted int
	// sent has the ways of each entity's events, in the order of the log.
	sent map[string][]arrival
}

// arrival is an accepted event: the way that it took, and the members that it must
// have in the log.
type arrival struct {
	way  string
	want map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Platform: localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4}), sent: make(map[string][]arrival)}
	gateway := httptest.NewServer(deployed.NewGateway(
		map[string]deployed.Function{intake.RouteEvents: asFunction(w.Handler())}, slog.New(slog.DiscardHandler)))
	t.Cleanup(gateway.Close)
	_, path, _ := strings.Cut(intake.RouteEvents, " ")
	w.urls = []string{w.URL + path, gateway.URL + path}
	return w
}

// asFunction is a handler as a Lambda function, which gets its event as JSON.
func asFunction(h http.Handler) deployed.Function {
	serve := lambdahttp.Serve(h)
	return func(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		raw, err := json.Marshal(req)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		var got events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &got); err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		return serve(ctx, got)
	}
}

// outcome is what became of a request.
type outcome struct {
	Sample string `json:"sample"`
	// URL is the index of the way in.
	URL    int    `json:"url"`
	Mode   string `json:"mode"`
	Answer answer `json:"answer"`
	// Failure is the SDK's error if it sent nothing.
	Failure string `json:"failure"`
}

// answer is the platform's answer to one event: a problem unless it is accepted.
type answer struct {
	Accepted  int    `json:"accepted"`
	Attribute string `json:"attribute"`
	Detail    string `json:"detail"`
}

func (o outcome) String() string {
	switch {
	case o.Failure != "":
		return "not sent: " + o.Failure
	case o.Answer.Accepted == 0:
		return fmt.Sprintf("refused for %q: %s", o.Answer.Attribute, o.Answer.Detail)
	}
	return fmt.Sprintf("%d accepted", o.Answer.Accepted)
}

// verdict checks an outcome against what must come of the sample, and notes what the
// log must hold then.
func (w *world) verdict(t *testing.T, sdk string, s *sample, o outcome, want map[string]string) {
	t.Helper()
	way := sdk + " " + o.Mode
	x := s.except[sdk]
	if of, found := s.except[way]; found {
		x = of
	}
	if o.URL == 1 {
		way += " by gateway"
	}
	if of, found := s.except[way]; found {
		x = of
	}
	ok := o.Answer.Accepted == 1
	switch {
	case x.unsent:
		ok = o.Failure != ""
	case x.refused != "":
		ok = o.Failure == "" && o.Answer.Accepted == 0 && cmp.Or(o.Answer.Attribute, whole) == x.refused
	}
	if !ok {
		t.Errorf("%s, %s: %s; want %+v", s.Name, way, o, x)
	}
	if o.Answer.Accepted == 0 {
		return
	}
	for name, value := range x.changed {
		if want[name] = value; value == "" {
			delete(want, name)
		}
	}
	var entity string
	if err := json.Unmarshal([]byte(want["subject"]), &entity); err != nil {
		t.Fatal(err)
	}
	w.accepted++
	w.sent[entity] = append(w.sent[entity], arrival{s.Name + ", " + way, want})
}

// compare reads every entity's events and compares them with what was sent.
func (w *world) compare(t *testing.T) {
	t.Helper()
	w.Settle(int64(w.accepted))
	for entity, sent := range w.sent {
		history := readback.History(w.Client, entity)
		if len(history) != len(sent) {
			t.Errorf("%q has %d events, want %d", entity, len(history), len(sent))
			continue
		}
		for i, got := range history {
			members := make(map[string]json.RawMessage)
			if err := json.Unmarshal(got.Event, &members); err != nil {
				t.Fatal(err)
			}
			for name, value := range sent[i].want {
				if string(members[name]) != value {
					t.Errorf("%s: %s is %s, want %s", sent[i].way, name, members[name], value)
				}
				delete(members, name)
			}
			if len(members) > 0 {
				t.Errorf("%s: the log's event also has %s", sent[i].way, members)
			}
		}
	}
}

// quote is a text as JSON, in the log's spelling.
func quote(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // it cannot fail for a string
	return strings.TrimSuffix(b.String(), "\n")
}

// want is the log's event of a sample that was sent at a time.
func (s *sample) want(at string) map[string]string {
	want := map[string]string{
		"specversion": `"1.0"`,
		"id":          `"1"`,
		"type":        `"sample.sent"`,
		"source":      quote(s.Source),
		"subject":     quote(s.Subject),
		"time":        quote(at),
	}
	if s.Type != "" {
		want["datacontenttype"] = quote(s.Type)
	}
	if s.Schema != "" {
		want["dataschema"] = quote(s.Schema)
	}
	for name, value := range s.Extensions {
		want[name] = fmt.Sprint(value)
		if text, isText := value.(string); isText {
			want[name] = quote(text)
		}
	}
	if member, value, found := strings.Cut(strings.TrimPrefix(s.stored, `"`), `":`); found {
		want[member] = value
	}
	return want
}
