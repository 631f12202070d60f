package control

import (
	"context"
	"errors"
)

// Remove deletes the documents of a partition, and then the document that they belong
// to, so that after a crash everything can be found again. Another process may do the
// same at the same time, and a new owner may take the place of the old one: Remove lists
// some documents, checks that the owner still has the version, and then deletes only
// what it listed, in the listed versions. It returns nil if the owner has changed, and
// ErrConflict or ErrNotFound if another process was first.
func Remove(ctx context.Context, t Table, owner Key, version Version, partition string) error {
	const page = 500
	for {
		docs, err := t.List(ctx, partition, "", page)
		if err != nil {
			return err
		}
		if now, err := t.Get(ctx, owner); err != nil || now.Version != version {
			return err
		}
		for _, doc := range docs {
			if err := t.Delete(ctx, doc.Key, doc.Version); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if len(docs) < page {
			return t.Delete(ctx, owner, version)
		}
	}
}
