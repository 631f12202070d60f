package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"reprise/pkg/api/verifications"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/verify"
)

// nights are verifications of many days up to now: every seventh looks at everything, one
// found drift, one could not be carried out, and one night is missing.
func nights(days int, now time.Time) (page verifications.Page) {
	for ago := days - 1; ago >= 0; ago-- {
		if ago == 5 {
			continue
		}
		at := now.AddDate(0, 0, -ago)
		end := at.Add(time.Duration(20+ago%7) * time.Second)
		view := verifications.View{ID: "nightly-" + at.Format("20060102-1504"), Status: verify.Clean, Created: at, Cut: &at,
			Ended: &end, Scope: verifications.Incremental, Base: "before", Report: &verify.Report{Rows: 500, Events: 4000,
				Cost: &verify.Cost{ReadUnits: 900, Dollars: 0.0031}}}
		if ago%7 == 2 {
			view.Scope, view.Report.Events, view.Report.Cost.Dollars = verifications.Full, 90_000, 0.0125
		}
		switch ago {
		case 3:
			view.Status, view.Report.Drift = verify.Drift, map[verify.Kind]int64{verify.State: 2}
		case 9:
			view.Status = verify.Failed
			view.Failure = &verify.Failure{Error: "Reprise.BudgetUsedUp", Cause: "the budget is used up"}
		}
		page.Verifications = append(page.Verifications, view)
	}
	return page
}

// withNights answers as a platform does that has verified itself every night.
func withNights(t *testing.T, p *localtest.Platform, page verifications.Page) string {
	t.Helper()
	behind, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(behind)
	forward.FlushInterval = -1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/verifications" {
			forward.ServeHTTP(w, r)
			return
		}
		if err := json.NewEncoder(w).Encode(page); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// An operator sees in a calendar how the nights have gone, and what they cost.
func TestAnOperatorSeesHowTheNightsHaveGone(t *testing.T) {
	t.Parallel()
	p := started(t, 0)
	b := open(t, withNights(t, p, nights(60, time.Now())))
	b.visit("/console/verifications")
	b.sees("h1", "Verifications")
	for class, want := range map[string]int{"clean": 57, "drift": 1, "broken": 1, "full": 9} {
		b.holds(fmt.Sprintf(`document.querySelectorAll('.calendar td.%s').length === %d`, class, want))
	}
	b.sees("p", "Everything was last looked at")
	b.sees("figcaption", "at most $0.0125, last $0.0031")
	b.holds(`document.querySelectorAll('.trend').length === 3 && document.querySelectorAll('.trend .full').length === 27`)
	b.sees("tbody tr", "2 state")
	b.sees("tbody tr", "Reprise.BudgetUsedUp")
	b.holds(`document.querySelector('.calendar td.drift a').getAttribute('href') === '#' +
		[...document.querySelectorAll('tbody tr[id]')].find((e) => e.innerText.includes('DRIFT')).id`)
	b.accessible()
	b.pictures("verifications")
}

// A verification that somebody starts appears, and its outcome.
func TestAVerificationAppears(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 600, local.Options{Lanes: 4})
	b := open(t, p.URL)
	b.visit("/console/verifications")
	b.sees("p", "None has come to a verdict yet")
	status, body := p.Call(http.MethodPost, "/verifications", "application/json", []byte(`{"name":"tonight"}`))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	localtest.Until(p, "/verifications/tonight", func(v verifications.View) bool { return v.Status.Ended() })
	b.visit("/console/verifications")
	b.sees("tbody tr", "CLEAN")
	b.sees("tbody tr", "everything")
	b.holds(`document.querySelectorAll('.calendar td.clean').length === 1`)
	status, body = p.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"deep","input":{"depth":"rebuild"}}`))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	localtest.Until(p, "/verifications/deep", func(v verifications.View) bool { return v.Status.Ended() })
	b.visit("/console/verifications")
	b.sees("tbody tr", "everything, and a rebuild")
	b.holds(`document.querySelector('td a[href="/console/replays/deep"]') !== null`)
	b.accessible()
	b.visit("/console/replays/deep")
	b.sees("p.lead", "to be verified by deep and dropped")
}
