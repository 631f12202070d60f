package personal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"reprise/pkg/personal/sealed"
)

// Reveal returns a JSON text in which each sealed value, also one within a text, is
// replaced by the value itself; by {"$erased":true,"at":TIME} if its key is destroyed; or
// by {"$sealed":true} if the platform never had its key, or it was changed. It returns
// text itself if there is none. It is safe for concurrent use.
//
// An error means that keys could not be read at present; a retry may help.
func (v *Vault) Reveal(ctx context.Context, text []byte) ([]byte, error) {
	if v == nil {
		return text, nil
	}
	places := sealed.Places(text)
	if len(places) == 0 {
		return text, nil
	}
	latest := make(map[sealed.Ref]uint32)
	for i := range places {
		if value := &places[i].Value; value.Ref != rootRef {
			latest[value.Ref] = max(latest[value.Ref], value.Generation)
		}
	}
	v.dropOlder(latest)
	keys, err := v.rowsOf(ctx, slices.Collect(maps.Keys(latest)), nil)
	if err != nil {
		return nil, fmt.Errorf("reveal personal fields: %w", err)
	}
	shown := make([]byte, 0, len(text))
	at := 0
	for i := range places {
		p := &places[i]
		h := keys[p.Value.Ref]
		shown = append(shown, text[at:p.Start]...)
		shown = append(shown, inPlace(h.open(&p.Value), p.Quoted)...)
		at = p.End
	}
	return append(shown, text[at:]...), nil
}

// open returns the JSON text that readers get for a sealed value.
func (h *held) open(value *sealed.Value) []byte {
	if at, erased := h.row.ErasedAt(value.Generation); h.known && erased {
		return marker(sealed.Erased{Erased: true, At: at.UTC().Truncate(time.Second)})
	}
	if h.key != nil && h.row.Generation == value.Generation {
		plain, err := h.key.box.DecryptDeterministically(value.Box, value.Header())
		if plain = bytes.TrimRight(plain, " "); err == nil && json.Valid(plain) {
			return plain
		}
	}
	return marker(sealed.Foreign{Sealed: true})
}

func marker(m any) []byte {
	text, _ := json.Marshal(m) // a boolean and a time can always be encoded
	return text
}

// inPlace escapes a value that stands within a text.
func inPlace(value []byte, quoted bool) []byte {
	if !quoted {
		return value
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(string(value)) // a text can always be encoded
	return bytes.TrimSuffix(text.Bytes()[1:], []byte("\"\n"))
}
