package standin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
)

var (
	charge = gateway.Call{System: standin.Payments, Name: "charge", Kind: gateway.Updating}
	refund = gateway.Call{System: standin.Payments, Name: "refund", Kind: gateway.Updating}
	mail   = gateway.Call{System: standin.Mail, Name: "overdraft", Kind: gateway.Updating}
	rate   = gateway.Call{System: standin.Rates, Name: "rate", Kind: gateway.Asking, AsOf: true}
)

// world is a stand-in with a client.
type world struct {
	*testing.T
	*standin.Server
	systems gateway.Systems
}

func start(t *testing.T) *world {
	t.Helper()
	server := standintest.Start(t)
	systems, err := httpsystem.Systems(server.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, server, systems}
}

func (w *world) do(call *gateway.Call, key, body string) (string, error) {
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	at := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	answer, err := w.systems[call.System].Do(ctx, &gateway.Request{Call: call, Key: key, Body: []byte(body), At: at})
	return string(answer), err
}

func ofAda(cents int) string {
	return fmt.Sprintf(`{"account":"ada","cents":%d,"currency":"USD"}`, cents)
}

func TestTheBooksSayWhatWasDone(t *testing.T) {
	w := start(t)
	first, err := w.do(&charge, "k1", ofAda(30))
	again, err2 := w.do(&charge, "k1", ofAda(30))
	if err != nil || err2 != nil || first != again {
		t.Errorf("%q, %v, then %q, %v", first, err, again, err2)
	}
	if _, err := w.do(&charge, "k2", ofAda(12)); err != nil {
		t.Error(err)
	}
	if _, err := w.do(&refund, "k3", `{"key":"k1","body":`+ofAda(30)+`,"answer":{}}`); err != nil {
		t.Error(err)
	}
	if _, err := w.do(&mail, "k4", `{"owner":"Ada"}`); err != nil {
		t.Error(err)
	}
	_, err = w.do(&charge, "k1", ofAda(31))
	if declined, is := errors.AsType[*gateway.Declined](err); !is || declined.Status != http.StatusUnprocessableEntity {
		t.Errorf("a key with another body: %v", err)
	}
	books := w.Books()
	if books.Charged["ada"]["USD"] != 12 || len(books.Mails) != 1 || books.Performed() != 4 ||
		books.Deeds["k1"] != (standin.Deed{Call: "payments/charge", Received: 3, Performed: 1}) {
		t.Errorf("%+v", books)
	}
}

func TestRatesAreThoseOfTheirDay(t *testing.T) {
	w := start(t)
	one, err := w.do(&rate, "", `{"from":"EUR","to":"USD"}`)
	if other, _ := w.do(&rate, "", `{"from":"EUR","to":"CHF"}`); err != nil || one == other {
		t.Errorf("%s and %s, %v", one, other, err)
	}
	timeless := rate
	timeless.AsOf = false
	if _, err := w.do(&timeless, "", `{"from":"EUR","to":"USD"}`); err == nil {
		t.Error("a rate of no time")
	}
	if books := w.Books(); books.Asked["rates/rate"] != 3 || len(books.Deeds) != 0 {
		t.Errorf("%+v", books)
	}
}

func TestMoods(t *testing.T) {
	for name, test := range map[string]struct {
		mood standin.Mood
		fine bool
		want standin.Deed
	}{
		"well":    {standin.Mood{}, true, standin.Deed{Received: 1, Performed: 1}},
		"fails":   {standin.Mood{Status: 503}, false, standin.Deed{Received: 1}},
		"drops":   {standin.Mood{Drop: true}, false, standin.Deed{Received: 1, Performed: 1}},
		"late":    {standin.Mood{Late: time.Millisecond}, true, standin.Deed{Received: 1, Performed: 1}},
		"twice":   {standin.Mood{Twice: true}, true, standin.Deed{Received: 2, Performed: 1}},
		"forgets": {standin.Mood{Twice: true, Forgets: true}, true, standin.Deed{Received: 2, Performed: 2}},
		"large":   {standin.Mood{Large: true}, false, standin.Deed{Received: 1, Performed: 1}},
	} {
		w := start(t)
		test.mood.Times = 1
		w.Behave("payments/charge", test.mood)
		_, err := w.do(&charge, "k", ofAda(5))
		got := w.Books().Deeds["k"]
		test.want.Call = "payments/charge"
		if (err == nil) != test.fine || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := w.do(&mail, "m", `{}`); err != nil {
			t.Errorf("%s: another system is in that mood: %v", name, err)
		}
		if _, err := w.do(&charge, "after", ofAda(5)); err != nil {
			t.Errorf("%s: the mood lasts: %v", name, err)
		}
	}
}

// Many callers at a time, some of whom give up, find books that add up.
func TestTheBooksAddUp(t *testing.T) {
	w := start(t)
	w.Behave("", standin.Mood{Silent: true, Times: 10})
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			r := gateway.Request{Call: &charge, Key: fmt.Sprint(i), Body: []byte(ofAda(1))}
			_, _ = w.systems[standin.Payments].Do(ctx, &r)
			for {
				if _, err := w.do(&charge, fmt.Sprint(i), ofAda(1)); err == nil {
					return
				}
			}
		})
	}
	group.Wait()
	if books := w.Books(); books.Charged["ada"]["USD"] != 40 || books.Performed() != 40 || books.Unkeyed != 0 {
		t.Errorf("%+v", books)
	}
}
