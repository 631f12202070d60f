package gateway

import (
	"context"
	"encoding/json"
	"fmt"
)

// UpdateOf is an update with typed body and answer. Write one for each call of a system:
// together they are the system's client.
type UpdateOf[Body, Answer any] struct{ Call Call }

// Do performs the update once for the event and part.
func (u UpdateOf[Body, Answer]) Do(ctx context.Context, outside Gateway, part string, body Body) (Answer, error) {
	return typed[Body, Answer](u.Call, body, func(raw []byte) ([]byte, error) {
		return outside.Update(ctx, Effect{System: u.Call.System, Name: u.Call.Name, Part: part, Body: raw})
	})
}

// QueryOf is a query with typed body and answer.
type QueryOf[Body, Answer any] struct{ Call Call }

// Ask returns the answer, which is recorded with the event.
func (q QueryOf[Body, Answer]) Ask(ctx context.Context, outside Gateway, part string, body Body) (Answer, error) {
	return typed[Body, Answer](q.Call, body, func(raw []byte) ([]byte, error) {
		return outside.Query(ctx, Query{System: q.Call.System, Name: q.Call.Name, Part: part, Body: raw})
	})
}

func typed[Body, Answer any](c Call, body Body, call func([]byte) ([]byte, error)) (answer Answer, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer, fmt.Errorf("encode body of %s: %w", c.ID(), err)
	}
	said, err := call(raw)
	if err != nil || len(said) == 0 {
		return answer, err
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return answer, fmt.Errorf("decode answer of %s: %w", c.ID(), err)
	}
	return answer, nil
}
