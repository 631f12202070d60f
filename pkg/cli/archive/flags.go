package archive

import (
	"strings"

	"reprise/pkg/cli/command"
	"reprise/pkg/replay/request"
)

// normalized checks a selection.
func normalized(r request.Request) (request.Request, error) {
	n, err := r.Normalized()
	if err != nil {
		return request.Request{}, command.Misuse("%s",
			strings.TrimPrefix(err.Error(), request.ErrInvalid.Error()+": "))
	}
	return n, nil
}
