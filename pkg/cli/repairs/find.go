package repairs

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
	"reprise/pkg/verify"
)

// MaxEntities bounds the entities of a repair, which are in memory.
const MaxEntities = 100_000

// Found are the entities that a repair is about.
type Found struct {
	Count int `json:"count"`
	// Complete is false if there may be more: Missing says why.
	Complete bool     `json:"complete"`
	Missing  string   `json:"missing,omitempty"`
	Entities []string `json:"entities"`
}

func (f *Found) text() string {
	text := counted(f.Count)
	if !f.Complete {
		text += " (" + f.Missing + ")"
	}
	return text
}

func counted(entities int) string {
	if entities == 1 {
		return "1 entity"
	}
	return progress.Count(int64(entities)) + " entities"
}

var errMany = fmt.Errorf("more than %d entities are touched", MaxEntities)

// touched asks the log, page by page. Pages are lane by lane, and an entity is in one
// lane, so what was seen of a lane is forgotten at its end.
func touched(ctx context.Context, c *client.Client, meter *progress.Meter, of replay.Request) (Found, error) {
	found := Found{Complete: true, Entities: []string{}}
	seen := make(map[string]bool)
	var events, bytes int64
	for after := ""; ; {
		page, err := c.Touched(ctx, of, after)
		if err != nil {
			return found, err
		}
		for _, entity := range page.Entities {
			if !seen[entity] {
				seen[entity] = true
				found.Entities = append(found.Entities, entity)
			}
		}
		events, bytes = events+page.Events, bytes+page.Bytes
		meter.Show(progress.State{Label: "finding entities", Fraction: float64(page.Lane) / float64(max(1, page.Lanes)),
			Detail: fmt.Sprintf("%s found in %s events, %s of the log", progress.Count(int64(len(found.Entities))),
				progress.Count(events), progress.Bytes(bytes))})
		if len(found.Entities) > MaxEntities {
			return found, command.Hint(errMany, "rebuild the generation instead: reprise replay start --rebuild --promote")
		}
		if after = page.Next; after == "" {
			found.Count = len(found.Entities)
			return found, nil
		}
	}
}

// inPlace are the kinds of drift that folding an entity again repairs: the row knows where
// its events are, and what it says of them is wrong.
func inPlace() []verify.Kind {
	return []verify.Kind{verify.State, verify.Count, verify.Chain, verify.Parked, verify.Version}
}

// InPlace reports whether all that a verification has found is repaired by folding
// entities again.
func InPlace(v verifications.View) bool {
	if v.Status != verify.Drift || v.Report == nil {
		return false
	}
	rows := 0
	for kind := range v.Report.Drift {
		switch {
		case kind == verify.Rebuilt: // in a throwaway, which is gone
		case !slices.Contains(inPlace(), kind):
			return false
		default:
			rows++
		}
	}
	return rows > 0
}

// ofVerification are the entities that a verification has found to differ, as far as they
// were kept: the first differences of each lane.
func ofVerification(ctx context.Context, c *client.Client, id string) (Found, error) {
	v, err := c.Verification(ctx, id)
	if err != nil {
		return Found{}, err
	}
	if v.Status != verify.Drift || v.Report == nil {
		return Found{}, fmt.Errorf("verification %s is %s: there is no drift to repair", v.ID, v.Status)
	}
	if !InPlace(v) {
		kinds := slices.Sorted(maps.Keys(v.Report.Drift))
		return Found{}, command.Hint(fmt.Errorf("verification %s found drift that is not repaired in place: of the kinds %v",
			v.ID, kinds), "reprise verify repair %s rebuilds the generation", v.ID)
	}
	all, err := c.Generations(ctx)
	if err != nil {
		return Found{}, err
	}
	if all.Active != v.Generation {
		return Found{}, command.Hint(fmt.Errorf("generation %s is not the active one, which is %s", v.Generation, all.Active),
			"verify the active one")
	}
	var listed, differences int64
	entities := make(map[string]bool)
	err = c.Differences(ctx, id, func(d verify.Difference) error {
		if d.Kind == verify.Rebuilt {
			return nil
		}
		listed++
		entities[d.Entity] = true
		return nil
	})
	for kind, n := range v.Report.Drift {
		if kind != verify.Rebuilt {
			differences += n
		}
	}
	return listedOf(entities, listed, differences, "differences are listed"), err
}

func listedOf(entities map[string]bool, listed, all int64, what string) Found {
	delete(entities, "")
	found := Found{Count: len(entities), Complete: listed >= all, Entities: slices.Sorted(maps.Keys(entities))}
	if !found.Complete {
		found.Missing = fmt.Sprintf("only %s of %s %s: verify again after the repair", progress.Count(listed),
			progress.Count(all), what)
	}
	return found
}

// ofDiff are the entities whose state or parking differs in another generation of the same
// version, as far as the comparison lists them: some of each kind.
func ofDiff(ctx context.Context, c *client.Client, id string) (Found, error) {
	const looked = 10_000
	report, err := c.DiffGeneration(ctx, id, "", looked)
	if err != nil {
		return Found{}, err
	}
	if report.OldVersion != report.NewVersion {
		return Found{}, command.Hint(fmt.Errorf("generation %s is of another version, %s, than the active one, %s", id,
			report.NewVersion, report.OldVersion), "a repair folds with the projections of the active generation; "+
			"to change over to the other: reprise generation promote %s", id)
	}
	entities := make(map[string]bool)
	for _, s := range report.Samples {
		if s.Kind == rowdiff.State || s.Kind == rowdiff.Parked {
			entities[s.Entity] = true
		}
	}
	found := listedOf(entities, int64(len(entities)), report.Differing, "entities that differ are listed")
	if found.Complete && !report.Complete {
		found.Complete, found.Missing = false, "not all entities were compared: verify after the repair"
	}
	return found, nil
}
