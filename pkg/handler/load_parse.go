package handler

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/event"
)

const (
	structuredType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
)

// header returns a request header. API Gateway gives names in lower case.
func header(req events.APIGatewayV2HTTPRequest, name string) string {
	if v, found := req.Headers[name]; found {
		return v
	}
	for k, v := range req.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

func body(req events.APIGatewayV2HTTPRequest) ([]byte, *Problem) {
	raw := []byte(req.Body)
	if req.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(req.Body)
		if err != nil {
			return nil, problem(http.StatusBadRequest, "malformed-body", "the body is not the base64 text that it is said to be")
		}
		raw = decoded
	}
	if len(raw) > MaxBodyBytes {
		return nil, problem(http.StatusRequestEntityTooLarge, "body-too-large",
			fmt.Sprintf("the body has %d bytes; at most %d are accepted: send fewer events at a time", len(raw), MaxBodyBytes))
	}
	return raw, nil
}

// parse validates every event of a request in structured, batched or binary
// mode (CloudEvents 1.0, HTTP protocol binding).
func (h *Load) parse(req events.APIGatewayV2HTTPRequest) (*loadBatch, *Problem) {
	raw, bad := body(req)
	if bad != nil {
		return nil, bad
	}
	kind, params, err := mime.ParseMediaType(header(req, "content-type"))
	if err != nil && header(req, "ce-specversion") == "" {
		return nil, unsupported(header(req, "content-type"))
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return nil, problem(http.StatusUnsupportedMediaType, "unsupported-media-type", "only UTF-8 is understood")
	}
	batch := &loadBatch{byLane: make(map[event.Lane]*laneBatch)}
	switch {
	case kind == structuredType:
		e, err := event.Parse(string(raw))
		return batch, h.accept(batch, 0, e, err)
	case kind == batchType:
		return batch, h.parseBatch(batch, raw)
	case header(req, "ce-specversion") != "":
		e, err := binaryEvent(req, raw, kind)
		return batch, h.accept(batch, 0, e, err)
	}
	return nil, unsupported(kind)
}

func unsupported(kind string) *Problem {
	return problem(http.StatusUnsupportedMediaType, "unsupported-media-type", fmt.Sprintf(
		"content type %q is not understood; send %s, %s, or the ce- headers of binary mode", kind, structuredType, batchType))
}

func (h *Load) parseBatch(batch *loadBatch, raw []byte) *Problem {
	var bad *Problem
	refused := errors.New("refused")
	err := event.ParseBatch(string(raw), func(index int, e event.Event, err error) error {
		if index >= MaxBatchEvents {
			bad = problem(http.StatusRequestEntityTooLarge, "batch-too-large", fmt.Sprintf(
				"the batch has more than %d events: send fewer at a time", MaxBatchEvents))
			return refused
		}
		if bad = h.accept(batch, index, e, err); bad != nil {
			return refused
		}
		return nil
	})
	switch {
	case bad != nil:
		return bad
	case err != nil:
		return invalidEvent(-1, err)
	case len(batch.ids) == 0:
		return problem(http.StatusBadRequest, "empty-batch", "the batch holds no event")
	}
	return nil
}

// accept adds an event to the batch, or says why not.
func (h *Load) accept(batch *loadBatch, index int, e event.Event, err error) *Problem {
	if err != nil {
		return invalidEvent(index, err)
	}
	if h.KeepTime {
		own, ok := e.Timestamp()
		if !ok {
			return invalidEvent(index, &event.Invalid{Attribute: "time", Problem: "is required to import an event at its own time"})
		}
		if own.After(h.Now().Add(maxAhead)) {
			return invalidEvent(index, &event.Invalid{Attribute: "time", Problem: "lies in the future"})
		}
	}
	batch.add(h.Lanes.Of(e.Subject), &e)
	return nil
}

func invalidEvent(index int, err error) *Problem {
	p := problem(http.StatusBadRequest, "invalid-event", err.Error())
	if index >= 0 {
		p.Event = &index
	}
	var invalid *event.Invalid
	if errors.As(err, &invalid) {
		p.Attribute = invalid.Attribute
	}
	return p
}

// binaryEvent reads an event whose attributes are headers and whose data is
// the body. Header values are percent-encoded.
func binaryEvent(req events.APIGatewayV2HTTPRequest, raw []byte, kind string) (event.Event, error) {
	members := map[string]any{}
	for name, value := range req.Headers {
		attribute, found := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !found {
			continue
		}
		decoded, err := url.PathUnescape(value)
		if err != nil {
			return event.Event{}, &event.Invalid{Attribute: attribute, Problem: "its header is not percent-encoded text"}
		}
		members[attribute] = decoded
	}
	for _, reserved := range []string{"data", "data_base64", "datacontenttype"} {
		if _, found := members[reserved]; found {
			return event.Event{}, &event.Invalid{Attribute: reserved, Problem: "is not a header of binary mode"}
		}
	}
	if kind != "" {
		members["datacontenttype"] = header(req, "content-type")
	}
	if err := binaryData(members, raw, kind); err != nil {
		return event.Event{}, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // data keeps its bytes
	if err := encoder.Encode(members); err != nil {
		return event.Event{}, &event.Invalid{Problem: "the headers cannot be read"}
	}
	return event.Parse(text.String())
}

func binaryData(members map[string]any, raw []byte, kind string) error {
	switch {
	case len(raw) == 0:
	case isJSON(kind):
		if !json.Valid(raw) {
			return &event.Invalid{Attribute: "data", Problem: "the body is not the JSON that its content type says"}
		}
		members["data"] = json.RawMessage(raw)
	case strings.HasPrefix(kind, "text/") && utf8.Valid(raw):
		members["data"] = string(raw)
	default:
		members["data_base64"] = base64.StdEncoding.EncodeToString(raw)
	}
	return nil
}

func isJSON(kind string) bool {
	return slices.Contains([]string{"application/json", "text/json"}, kind) || strings.HasSuffix(kind, "+json")
}
