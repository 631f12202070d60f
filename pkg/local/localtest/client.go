package localtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/replay/lifecycle"
)

// patience limits every wait. It is generous because machines differ.
const patience = 5 * time.Minute

// Client calls the HTTP API of a platform.
type Client struct {
	T   testing.TB
	URL string
	// HTTP sends the requests; nil means http.DefaultClient.
	HTTP *http.Client
	// Stubborn retries after throttles, faults of the service and broken
	// connections, as a client of an API on AWS must.
	Stubborn bool
	// Every is how often Until asks; 0 means every 5 ms.
	Every time.Duration
}

// Caller is a Client or a type that embeds one.
type Caller interface{ client() *Client }

func (c *Client) client() *Client { return c }

// Call makes a request and returns its status and body. kind is the body's
// content type.
func (c *Client) Call(method, path, kind string, body []byte) (int, []byte) {
	c.T.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, answer, err := c.once(method, path, kind, body)
		again := err != nil || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
		if !c.Stubborn || !again || time.Now().After(deadline) {
			if err != nil {
				c.T.Fatal(err)
			}
			return status, answer
		}
		<-tick.C
	}
}

func (c *Client) once(method, path, kind string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := cmp.Or(c.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

// Until polls a GET until check accepts its decoded answer.
func Until[T any](of Caller, path string, check func(T) bool) T {
	c := of.client()
	c.T.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(cmp.Or(c.Every, 5*time.Millisecond))
	defer tick.Stop()
	for {
		status, body := c.Call(http.MethodGet, path, "", nil)
		var value T
		if status == http.StatusOK && json.Unmarshal(body, &value) == nil && check(value) {
			return value
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("GET %s stayed at %d %.2000s", path, status, body)
		}
		<-tick.C
	}
}

// Replay starts a replay and waits for its end.
func (c *Client) Replay(name, input string) lifecycle.View {
	c.T.Helper()
	status, body := c.Call(
		http.MethodPost,
		"/replays",
		"application/json",
		[]byte(`{"name":"`+name+`","input":`+input+`}`),
	)
	if status != http.StatusCreated && status != http.StatusOK {
		c.T.Fatalf("start replay %s: %d %s", name, status, body)
	}
	return Until(c, "/replays/"+name, func(v lifecycle.View) bool { return v.Status.Ended() })
}

// Send posts events in JSON as one batch and returns the number accepted.
func (c *Client) Send(path string, events []json.RawMessage) int {
	c.T.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		c.T.Fatal(err)
	}
	status, answer := c.Call(http.MethodPost, path, "application/cloudevents-batch+json", body)
	var accepted struct{ Accepted int }
	if status != http.StatusAccepted || json.Unmarshal(answer, &accepted) != nil {
		c.T.Fatalf("POST %s: %d %s", path, status, answer)
	}
	return accepted.Accepted
}

// Settle waits until the log holds n events and all of them are applied to the
// active generation.
func (c *Client) Settle(n int64) {
	c.T.Helper()
	Until(c, "/lanes", func(view api.LanesView) bool {
		var count int64
		for _, lane := range view.Lanes {
			if lane.Applied != lane.Position {
				return false
			}
			count += lane.Count
		}
		return count >= n
	})
}

// Rows returns all rows of a generation ("" is the active one) by entity.
func (c *Client) Rows(generation string, lanes int) map[string]entities.View {
	c.T.Helper()
	rows := make(map[string]entities.View)
	for lane := range lanes {
		after := ""
		for {
			path := fmt.Sprintf("/rows?lane=%d&limit=1000&generation=%s&after=%s", lane, generation, after)
			status, body := c.Call(http.MethodGet, path, "", nil)
			var page entities.RowsPage
			if status != http.StatusOK || json.Unmarshal(body, &page) != nil {
				c.T.Fatalf("GET %s: %d %.500s", path, status, body)
			}
			for _, row := range page.Rows {
				rows[row.Entity] = row
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return rows
}

// Wipe empties the active generation.
func (c *Client) Wipe() {
	c.T.Helper()
	_, body := c.Call(http.MethodGet, "/lanes", "", nil)
	var view api.LanesView
	if err := json.Unmarshal(body, &view); err != nil {
		c.T.Fatal(err)
	}
	status, body := c.Call(
		http.MethodPost,
		"/state/wipe",
		"application/json",
		[]byte(`{"generation":"`+view.Generation+`"}`),
	)
	if status != http.StatusOK {
		c.T.Fatalf("wipe: %d %s", status, body)
	}
}
