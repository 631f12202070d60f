package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"reprise/pkg/api/web"
)

// Answer is an answer of the API as it came.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Forward sends a request once, with credentials, and returns the answer whatever its
// status is. path includes the query. A refusal for lack of permission gets a problem
// document that says what is lacking. Errors are *Unreachable, or those of credentials.
func (c *Client) Forward(ctx context.Context, method, path string, header http.Header, body []byte) (Answer, error) {
	base, err := c.endpoint(ctx)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Attempt)
	defer cancel()
	response, raw, err := c.exchange(ctx, base, call{method: method, path: path, header: header, body: body})
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{response.StatusCode, response.Header, raw}
	err = c.explain(&answer, response, method+" "+path)
	return answer, err
}

// explain replaces the answer of a gateway that refuses a caller.
func (c *Client) explain(answer *Answer, response *http.Response, route string) error {
	denied := deny(response, problemOf(response, answer.Body), c.options.Now())
	if denied == nil {
		return nil
	}
	detail := fmt.Sprintf("your credentials may not %s (%s): the deployment's policy audit allows reading, "+
		"and operate steering replays", route, denied.Error())
	raw, err := json.Marshal(web.NewProblem(response.StatusCode, "denied", detail))
	if err != nil {
		return fmt.Errorf("encode problem: %w", err)
	}
	answer.Header = http.Header{"Content-Type": {"application/problem+json"}}
	answer.Body = raw
	return nil
}
