package entity

import (
	"context"
	"fmt"
	"io"
	"strings"

	"reprise/pkg/api/past"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/projection/statediff"
)

// explainedPage is the number of explained events per request. Each page costs folding
// what is before it again.
const explainedPage = 1000

func printExplanation(ctx context.Context, f *command.ClientFlags, entity string) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	for after, first := event.Position(""), true; ; first = false {
		page, err := c.Explain(ctx, entity, after, explainedPage)
		if err != nil {
			return err
		}
		if err := printExplained(f, &page, first); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

func printExplained(f *command.ClientFlags, page *past.Explanation, first bool) error {
	if f.JSON {
		return command.PrintPage(f, nil, page.Events, nil)
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		if first {
			command.Row(w, "#", "LOGGED", "POSITION", "TYPE", "OUTCOME", "WHAT, FOLDED BY "+page.Version)
		}
		for i := range page.Events {
			explainRows(w, &page.Events[i])
		}
	})
}

// explainRows shows an event, with a row for each thing that there is to say about it.
func explainRows(w io.Writer, e *past.Explained) {
	said := sayings(e)
	if len(said) == 0 {
		said = []string{"no change"}
	}
	command.Row(w, progress.Count(int64(e.Number)), logged(e.Logged), e.Position, e.Type, e.Outcome, said[0])
	for _, text := range said[1:] {
		command.Row(w, "", "", "", "", "", text)
	}
}

// sayings are what there is to say about an event.
func sayings(e *past.Explained) (said []string) {
	switch e.Outcome {
	case past.Parked:
		said = append(said, "parks the entity: "+e.Reason)
	case past.Waiting:
		said = append(said, fmt.Sprintf("waits for the event at %s", e.ParkedAt))
	case past.Correction:
		said = append(said, corrected(e))
	}
	for _, change := range e.Changes {
		said = append(said, changeText(change))
	}
	if more := e.Changed - len(e.Changes); more > 0 {
		said = append(said, fmt.Sprintf("and %s more fields", progress.Count(int64(more))))
	}
	for _, effect := range e.Effects {
		said = append(said, effectText(&effect))
	}
	if more := e.Calls - len(e.Effects); more > 0 {
		said = append(said, fmt.Sprintf("and %s more calls", progress.Count(int64(more))))
	}
	var causes []string
	for _, cause := range []struct{ what, of string }{
		{"caused by", e.Causation}, {"correlation", e.Correlation}, {"actor", e.Actor},
	} {
		if cause.of != "" {
			causes = append(causes, cause.what+" "+cause.of)
		}
	}
	if len(causes) > 0 {
		said = append(said, strings.Join(causes, ", "))
	}
	return said
}

func effectText(e *past.Effect) string {
	text := fmt.Sprintf("%s %s/%s", e.Kind, e.System, e.Name)
	if e.Part != "" {
		text += " " + e.Part
	}
	text += ": " + string(e.Status)
	if e.Replay != "" {
		text += ", for replay " + e.Replay
	}
	return text
}

func corrected(e *past.Explained) string {
	switch {
	case e.Reverses != "":
		return reversed(e)
	case e.Type == event.TypeRefolded:
		return "live, the entity was folded again from its first event on"
	case e.Skipped == "" && e.ParkedAt != "":
		return fmt.Sprintf("waits for the event at %s", e.ParkedAt)
	case e.Skipped == "":
		return "steps over nothing"
	case e.ParkedAt != "":
		return fmt.Sprintf("steps over the event at %s; %s that waited applied, and parked at %s: %s",
			e.Skipped, progress.Count(e.Applied), e.ParkedAt, e.Reason)
	}
	return fmt.Sprintf("steps over the event at %s; %s that waited applied", e.Skipped, progress.Count(e.Applied))
}

func reversed(e *past.Explained) string {
	text := fmt.Sprintf("reverses the event at %s by folding without it", e.Reverses)
	if e.Inverse != "" {
		text = fmt.Sprintf("reverses the event at %s by %s", e.Reverses, e.Inverse)
	}
	if e.ParkedAt != "" {
		text += fmt.Sprintf("; parked at %s: %s", e.ParkedAt, e.Reason)
	}
	return text
}

func changeText(c statediff.Change) string {
	return fieldName(c.Path) + ": " + command.OrDash(c.Old) + " → " + command.OrDash(c.New)
}

// fieldName is a path, or words for the whole state.
func fieldName(path string) string {
	if path == "" {
		return "the whole state"
	}
	return path
}
