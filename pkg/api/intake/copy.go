package intake

import (
	"fmt"
	"net/http"
	"strings"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// CopyType is the content type of events that are copied from another log: lines, each
// an event with the attributes repriseposition and repriselogged, as a playback record
// has them. Only imports accept it.
const CopyType = "application/vnd.reprise.log"

// parseCopy validates the events of a copy. They were accepted once, so only the rules
// of form hold for them, and each keeps its logged time, which is its arrival here.
func (h *Load) parseCopy(batch *loadBatch, text string) error {
	batch.copied = true
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return web.NewProblem(http.StatusBadRequest, "empty-batch", "the batch holds no events: send at least one")
	}
	if n := strings.Count(text, "\n") + 1; n > MaxBatchEvents {
		return web.NewProblem(http.StatusRequestEntityTooLarge, "batch-too-large", fmt.Sprintf(
			"the batch holds more than %d events: send fewer at a time", MaxBatchEvents))
	}
	latest := h.Now().Add(event.MaxAhead).UnixMilli()
	index := 0
	for placed := range strings.SplitSeq(text, "\n") {
		if err := h.acceptCopy(batch, []byte(placed), latest); err != nil {
			return invalidEvent(index, err)
		}
		index++
	}
	return nil
}

func (h *Load) acceptCopy(batch *loadBatch, placed []byte, latest int64) error {
	line, _, logged, err := event.SplitPlaced(placed)
	if err != nil {
		return err
	}
	e, err := event.Parse(string(line))
	if err == nil {
		err = e.AdmitReserved(true)
	}
	if err == nil && (logged < 0 || logged > latest) {
		err = &event.Invalid{Attribute: "repriselogged", Problem: "lies before 1970 or in the future"}
	}
	if err != nil {
		return err
	}
	h.enter(batch, &e, logged)
	return nil
}
