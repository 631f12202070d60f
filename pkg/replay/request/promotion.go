package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Promotion says when a rebuilt generation becomes the active one.
type Promotion string

// The promotions.
const (
	// Never leaves it to people, after the end of the replay.
	Never Promotion = "never"
	// Ask waits until somebody approves or declines.
	Ask Promotion = "ask"
	// Auto is once it is proved complete and has caught up.
	Auto Promotion = "auto"
)

// Approval is the decision of a person that a replay which asked may go on.
type Approval struct {
	At time.Time `json:"at"`
	// AcceptParked promotes the generation even if it parks entities that the active one
	// does not.
	AcceptParked bool `json:"acceptParked,omitempty"`
}

// Promotion returns when the generation becomes active.
func (r Request) Promotion() Promotion {
	switch {
	case r.Promote && r.Ask:
		return Ask
	case r.Promote:
		return Auto
	}
	return Never
}

// WithPromotion returns the request with another promotion.
func (r Request) WithPromotion(p Promotion) Request {
	r.Promote, r.Ask = p != Never, p == Ask
	return r
}

var errPromotion = errors.New("must be auto, ask, never, or true or false, which are auto and never")

// PromotionOf reads a promotion as people write it; true is auto and false is never.
func PromotionOf(text string) (Promotion, error) {
	switch text {
	case "true":
		return Auto, nil
	case "false":
		return Never, nil
	case string(Auto), string(Ask), string(Never):
		return Promotion(text), nil
	}
	return "", errPromotion
}

// MarshalJSON implements json.Marshaler. What could be asked for before there was Ask is
// written as it was then: true and false.
func (p Promotion) MarshalJSON() ([]byte, error) {
	switch p {
	case Auto:
		return []byte("true"), nil
	case Ask:
		return []byte(`"ask"`), nil
	case Never, "":
		return []byte("false"), nil
	}
	return nil, fmt.Errorf("encode promotion: %w", errPromotion)
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Promotion) UnmarshalJSON(raw []byte) error {
	var text string
	switch string(raw) {
	case "true", "false":
		text = string(raw)
	default:
		if json.Unmarshal(raw, &text) != nil || text == "true" || text == "false" {
			return errPromotion
		}
	}
	read, err := PromotionOf(text)
	if err == nil {
		*p = read
	}
	return err
}

// promotion reads the member promote.
func promotion(into *Request) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var p Promotion
		if err := p.UnmarshalJSON(raw); err != nil {
			return fault("%s %w", name, err)
		}
		*into = into.WithPromotion(p)
		return nil
	}
}

// MarshalJSON implements json.Marshaler: Promote and Ask are one member.
func (r Request) MarshalJSON() ([]byte, error) {
	type plain Request
	written := struct {
		plain
		Promote *Promotion `json:"promote,omitempty"`
	}{plain: plain(r)}
	if p := r.Promotion(); p != Never {
		written.Promote = &p
	}
	return json.Marshal(written)
}

// UnmarshalJSON implements json.Unmarshaler for what MarshalJSON writes. Parse reads what
// people write.
func (r *Request) UnmarshalJSON(raw []byte) error {
	type plain Request
	read := struct {
		*plain
		Promote Promotion `json:"promote"`
	}{plain: (*plain)(r), Promote: Never}
	if err := json.Unmarshal(raw, &read); err != nil {
		return fmt.Errorf("decode replay request: %w", err)
	}
	*r = r.WithPromotion(read.Promote)
	return nil
}
