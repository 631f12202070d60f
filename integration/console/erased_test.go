package console

import (
	"encoding/json"
	"net/http"
	"testing"

	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/personal/sealed"
)

// A person is erased; the page of the entity says so, and shows a mark in place of the
// value, also without script.
func TestAnOperatorSeesWhatWasErased(t *testing.T) {
	t.Parallel()
	p := startedWith(t, 0, local.Options{Personal: sealed.Rules{"note.written": {Fields: []string{"/text"}}}})
	p.Send("/events", []json.RawMessage{json.RawMessage(`{"specversion":"1.0","id":"n","source":"shop",` +
		`"type":"note.written","subject":"noted","data":{"text":"hidden","open":"seen"}}`)})
	p.Settle(4)
	page := "/console/entities/" + web.EncodeEntity("noted")
	b := open(t, p.URL)
	b.visit(page)
	b.sees(".events", `{"text":"hidden","open":"seen"}`)
	b.holds(`!document.querySelector('.reason')`)
	body := []byte(`{"subject":"noted","reason":"asked for"}`)
	if status, answer := p.Call(http.MethodPost, "/erasures", "application/json", body); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	b.visit(page)
	b.sees(".events", `{"text":{"$erased":true,"at":"`)
	b.sees(".reason", "Personal fields of this entity were erased")
	b.holds(`!document.body.innerText.includes('hidden')`)
	b.accessible()
}
