package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

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

// body returns a request's body, which no content encoding may have changed.
func body(req events.APIGatewayV2HTTPRequest) ([]byte, *Problem) {
	if coding := header(req, "content-encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		p := problem(http.StatusUnsupportedMediaType, "unsupported-content-encoding",
			fmt.Sprintf("content encoding %q is not understood: send the body without one", clipText(coding)))
		p.headers = map[string]string{"Accept-Encoding": "identity"}
		return nil, p
	}
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
// mode (CloudEvents 1.0, HTTP protocol binding). The content type decides which;
// that of binary mode is the data's, and anything goes.
func (h *Load) parse(req events.APIGatewayV2HTTPRequest) (*loadBatch, *Problem) {
	if q := newQuery(req); q.bad != nil {
		return nil, q.bad
	}
	raw, bad := body(req)
	if bad != nil {
		return nil, bad
	}
	kind, charset, _ := event.MediaType(header(req, "content-type"))
	formatted := kind == structuredType || kind == batchType
	if formatted && charset != "" && charset != "utf-8" {
		return nil, problem(http.StatusUnsupportedMediaType, "unsupported-media-type", "only UTF-8 is understood")
	}
	batch := &loadBatch{byLane: make(map[event.Lane]*laneBatch)}
	switch {
	case kind == structuredType:
		e, err := event.Parse(string(raw))
		return batch, h.accept(batch, 0, e, err)
	case kind == batchType:
		return batch, h.parseBatch(batch, raw)
	case isBinary(req):
		e, err := binaryEvent(req, raw)
		return batch, h.accept(batch, 0, e, err)
	}
	return nil, unsupported(header(req, "content-type"))
}

func unsupported(kind string) *Problem {
	return problem(http.StatusUnsupportedMediaType, "unsupported-media-type", fmt.Sprintf(
		"content type %q is not understood; send %s, %s, or the ce- headers of binary mode",
		clipText(kind), structuredType, batchType))
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

// accept adds an event to the batch, or says why not. Every event of every mode
// and route passes here, and no other rule is for one of them alone.
func (h *Load) accept(batch *loadBatch, index int, e event.Event, err error) *Problem {
	if err == nil {
		err = e.Admit()
	}
	if err == nil && h.KeepTime {
		err = e.AdmitOwnTime(h.Now())
	}
	if err != nil {
		return invalidEvent(index, err)
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

// attributePrefix begins the names of the headers that are attributes.
const attributePrefix = "ce-"

func isBinary(req events.APIGatewayV2HTTPRequest) bool {
	for name := range req.Headers {
		if _, is := attributeName(name); is {
			return true
		}
	}
	return false
}

// attributeName is the attribute that a header is. Header names have no case.
func attributeName(header string) (name string, is bool) {
	return strings.CutPrefix(strings.ToLower(header), attributePrefix)
}

// binaryEvent reads an event whose attributes are headers and whose data is
// the body. No encoder comes between a header and the event: it would put
// U+FFFD where bytes are not UTF-8, and make one id of two.
func binaryEvent(req events.APIGatewayV2HTTPRequest, raw []byte) (event.Event, error) {
	var all []event.Attribute
	for _, header := range slices.Sorted(maps.Keys(req.Headers)) {
		name, is := attributeName(header)
		switch {
		case !is:
			continue
		case name == contentTypeAttribute:
			return event.Event{}, &event.Invalid{Attribute: name, Problem: "is given by the header Content-Type in binary mode"}
		}
		text, ok := event.HeaderText(req.Headers[header])
		if !ok {
			return event.Event{}, &event.Invalid{Attribute: name, Problem: "its header is not UTF-8 text: percent-encode all but printable ASCII"}
		}
		all = append(all, event.Attribute{Name: name, Value: text})
	}
	if kind := header(req, "content-type"); kind != "" {
		all = append(all, event.Attribute{Name: contentTypeAttribute, Value: kind})
	}
	return event.ParseBinary(all, raw)
}

const contentTypeAttribute = "datacontenttype"
