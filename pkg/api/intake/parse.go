package intake

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

const (
	structuredType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
)

// parse validates every event of a request in structured, batched or binary
// mode (CloudEvents 1.0, HTTP protocol binding). The content type decides the
// mode; in binary mode it is the data's type and may be anything.
func (h *Load) parse(r *http.Request) (*loadBatch, error) {
	if err := web.NewQuery(r).Err(); err != nil {
		return nil, err
	}
	text, err := web.Body(r)
	if err != nil {
		return nil, err
	}
	contentType := web.Header(r, "Content-Type")
	kind, charset, _ := event.MediaType(contentType)
	formatted := kind == structuredType || kind == batchType
	if formatted && charset != "" && charset != "utf-8" {
		return nil, web.NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type",
			"the charset is not supported: send UTF-8")
	}
	batch := newBatch(len(text))
	switch {
	case kind == structuredType:
		e, err := event.Parse(text)
		return batch, h.accept(batch, 0, e, err)
	case kind == batchType:
		return batch, h.parseBatch(batch, text)
	case kind == CopyType && h.KeepTime:
		return batch, h.parseCopy(batch, text)
	case isBinary(r):
		e, err := binaryEvent(r, []byte(text))
		return batch, h.accept(batch, 0, e, err)
	}
	return nil, web.NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", fmt.Sprintf(
		"content type %q is not supported: send %s, %s, or the ce- headers of binary mode",
		web.Clip(contentType), structuredType, batchType))
}

func (h *Load) parseBatch(batch *loadBatch, text string) error {
	var bad error
	refused := errors.New("refused")
	err := event.ParseBatch(text, func(index int, e event.Event, err error) error {
		if index >= MaxBatchEvents {
			bad = web.NewProblem(http.StatusRequestEntityTooLarge, "batch-too-large", fmt.Sprintf(
				"the batch holds more than %d events: send fewer at a time", MaxBatchEvents))
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
		return web.NewProblem(http.StatusBadRequest, "empty-batch", "the batch holds no events: send at least one")
	}
	return nil
}

// accept adds an event to the batch, or returns the problem with it. Every event
// of every mode and route passes through here, so that all follow the same rules.
func (h *Load) accept(batch *loadBatch, index int, e event.Event, err error) error {
	if err == nil {
		err = e.Admit()
	}
	if err == nil {
		err = e.AdmitReserved(h.KeepTime)
	}
	if err == nil && h.KeepTime {
		err = e.AdmitOwnTime(h.Now())
	}
	if err == nil && !h.KeepTime { // who may import may copy sealed values
		err = h.Personal.Check(&e)
	}
	if err != nil {
		return invalidEvent(index, err)
	}
	h.enter(batch, &e, ownTime(&e))
	return nil
}

func invalidEvent(index int, err error) error {
	p := web.NewProblem(http.StatusBadRequest, "invalid-event", err.Error())
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

func isBinary(r *http.Request) bool {
	for name := range r.Header {
		if _, ok := attributeName(name); ok {
			return true
		}
	}
	return false
}

// attributeName returns the attribute that a header carries, if it carries one.
// Header names are case-insensitive.
func attributeName(header string) (name string, ok bool) {
	return strings.CutPrefix(strings.ToLower(header), attributePrefix)
}

// binaryEvent reads an event whose attributes are headers and whose data is the
// body. It passes no header through an encoder, which would replace bytes that
// are not UTF-8 with U+FFFD and so could turn two ids into one.
func binaryEvent(r *http.Request, raw []byte) (event.Event, error) {
	var all []event.Attribute
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		name, isAttribute := attributeName(key)
		switch {
		case !isAttribute:
			continue
		case name == contentTypeAttribute:
			return event.Event{}, &event.Invalid{
				Attribute: name,
				Problem:   "is the header Content-Type in binary mode: send it there",
			}
		}
		text, ok := event.HeaderText(web.Header(r, key))
		if !ok {
			return event.Event{}, &event.Invalid{
				Attribute: name,
				Problem:   "the header is not UTF-8 text: percent-encode everything except printable ASCII",
			}
		}
		all = append(all, event.Attribute{Name: name, Value: text})
	}
	if kind := web.Header(r, "Content-Type"); kind != "" {
		all = append(all, event.Attribute{Name: contentTypeAttribute, Value: kind})
	}
	return event.ParseBinary(all, raw)
}

const contentTypeAttribute = "datacontenttype"
