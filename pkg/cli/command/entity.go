package command

import (
	"errors"

	"reprise/pkg/event"
)

// CheckEntity refuses an argument that cannot be an entity's id.
func CheckEntity(id string) error {
	err := event.CheckSubject(id)
	if invalid, ok := errors.AsType[*event.Invalid](err); ok {
		return Misuse("that cannot be an entity's id: it %s", invalid.Problem)
	}
	return err
}
