package replays

import (
	"fmt"

	"reprise/pkg/cli/progress"
	"reprise/pkg/projection/codecheck"
)

// StatesText says how states compare with those of a generation of the same version.
func StatesText(c *codecheck.Comparison) string {
	text := fmt.Sprintf("of %s entities compared with generation %s, none differs",
		progress.Count(c.Compared), c.Generation)
	if c.Differing > 0 {
		text = fmt.Sprintf("%s of %s entities differ from generation %s (%s): "+
			"the code of the projections was changed and their version was not",
			progress.Count(c.Differing), progress.Count(c.Compared), c.Generation, c.Names())
	}
	if c.Partial {
		text += " (not all were looked at)"
	}
	return text
}
