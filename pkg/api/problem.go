package api

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
)

// Problem is a problem document (RFC 9457). Nothing internal stands in it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Event is the index, from 0, of the event at fault in a batch, Attribute
	// the attribute at fault.
	Event     *int   `json:"event,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	// RetryAfter is in seconds; 0 means that a retry cannot help.
	RetryAfter int `json:"retryAfter,omitempty"`
	// headers go with the response, beside those of every problem.
	headers map[string]string
}

const problemPrefix = "urn:reprise:problem:"

func problem(status int, kind, detail string) *Problem {
	return &Problem{Type: problemPrefix + kind, Title: http.StatusText(status), Status: status, Detail: detail}
}

func (p *Problem) response() events.APIGatewayV2HTTPResponse {
	response := jsonResponse(p.Status, p)
	maps.Copy(response.Headers, p.headers)
	response.Headers["Content-Type"] = "application/problem+json"
	if p.RetryAfter > 0 {
		response.Headers["Retry-After"] = decimal(p.RetryAfter)
	}
	return response
}

func jsonResponse(status int, body any) events.APIGatewayV2HTTPResponse {
	raw, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusInternalServerError,
			Headers: map[string]string{"Content-Type": "application/problem+json"}}
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/json"},
		Body:       string(raw) + "\n",
	}
}

// PlainProblem is the answer of a gateway that has no handler to ask.
func PlainProblem(status int) events.APIGatewayV2HTTPResponse {
	detail := map[int]string{
		http.StatusNotFound:              "there is no such route; openapi.yaml lists them all",
		http.StatusForbidden:             "the platform on one machine answers requests of this machine only: name it by a loopback address",
		http.StatusBadRequest:            "the request's body could not be read to its end; nothing of it was taken",
		http.StatusRequestEntityTooLarge: "the body is larger than 4 MiB; send fewer events at a time",
		http.StatusInternalServerError:   "the platform could not answer; its own log has the reason. A retry may help",
	}[status]
	kind := map[int]string{
		http.StatusNotFound:              "no-route",
		http.StatusForbidden:             "not-from-here",
		http.StatusBadRequest:            "malformed-request",
		http.StatusRequestEntityTooLarge: "body-too-large",
	}[status]
	if kind == "" {
		kind = "internal"
	}
	return problem(status, kind, detail).response()
}
