package intake

import (
	"net/http"

	"reprise/pkg/api/web"
)

// ReactHeader must be "react" where an import may have external systems called.
const (
	ReactHeader = "Reprise-Effects"
	React       = "react"
)

// mayReact refuses an import into a platform whose business logic would react to what
// happened long ago, unless the request says that this is meant.
func (h *Load) mayReact(r *http.Request) error {
	if !h.KeepTime || !h.Reacts || web.Header(r, ReactHeader) == React {
		return nil
	}
	return web.NewProblem(http.StatusConflict, "effects-would-follow",
		"this platform's business logic reacts to imported events as to any others, and calls external systems: "+
			"nothing was accepted. If that is meant, say so with the header Reprise-Effects: react (--react on the "+
			"command line); else import into a platform without business logic that has effects, as reprise fork does")
}
