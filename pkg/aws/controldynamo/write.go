package controldynamo

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/control"
)

func encode(key control.Key, body []byte, version control.Version) dynamostore.Item {
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(key.Partition),
		dynamostore.SK: dynamostore.Text(key.Sort),
		versionName:    dynamostore.Text(string(version)),
	}
	switch {
	case len(body) == 0:
	case utf8.Valid(body):
		item[bodyName] = dynamostore.Text(string(body))
	default:
		item[bodyName] = &types.AttributeValueMemberB{Value: body}
	}
	return item
}

func condition(previous control.Version) dynamostore.Condition {
	if previous == "" {
		return dynamostore.New()
	}
	return dynamostore.Equal(versionName, string(previous))
}

// Put implements control.Table.
func (t *Table) Put(
	ctx context.Context,
	key control.Key,
	body []byte,
	previous control.Version,
) (control.Version, error) {
	if err := errors.Join(ctx.Err(), control.Write{Key: key, Body: body}.Check()); err != nil {
		return "", fmt.Errorf("put document: %w", err)
	}
	version, err := t.swap(ctx, key, body, previous)
	if errors.Is(err, control.ErrConflict) {
		return "", control.ErrConflict
	}
	if err != nil {
		return "", fmt.Errorf("put document: %w", err)
	}
	return version, nil
}

// swap stores body if the stored version is previous. If the condition fails, the
// stored version tells whether an earlier attempt of this write succeeded and its
// answer was lost. Any other version after a lost answer proves nothing.
func (t *Table) swap(
	ctx context.Context,
	key control.Key,
	body []byte,
	previous control.Version,
) (control.Version, error) {
	version, err := t.newVersion()
	if err != nil {
		return "", err
	}
	outcome, err := t.store.PutIf(ctx, t.client, encode(key, body, version), condition(previous))
	if err != nil {
		return "", err
	}
	if outcome == dynamostore.Done {
		return version, nil
	}
	stored, err := t.version(ctx, key)
	switch {
	case err != nil:
		return "", err
	case stored == version:
		return version, nil
	case outcome == dynamostore.Unsure:
		return "", dynamostore.ErrUnsure
	}
	return "", control.ErrConflict
}

// version returns the stored version, "" if there is no document.
func (t *Table) version(ctx context.Context, key control.Key) (control.Version, error) {
	item, err := t.store.Get(ctx, t.client, itemKey(key))
	if err != nil || item == nil {
		return "", err
	}
	return control.Version(dynamostore.TextOf(item[versionName])), nil
}

// PutAll implements control.Table. It makes concurrent single writes, since
// DynamoDB's batches take no conditions.
func (t *Table) PutAll(ctx context.Context, writes []control.Write) ([]error, error) {
	if err := errors.Join(ctx.Err(), control.CheckWrites(writes)); err != nil {
		return nil, fmt.Errorf("put documents: %w", err)
	}
	results := make([]error, len(writes))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPuts)
	for i, w := range writes {
		group.Go(func() error {
			_, err := t.swap(groupCtx, w.Key, w.Body, w.Previous)
			if errors.Is(err, control.ErrConflict) {
				results[i] = control.ErrConflict
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("put documents: %w", err)
	}
	return results, nil
}

// Delete implements control.Table.
func (t *Table) Delete(ctx context.Context, key control.Key, previous control.Version) error {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	err := t.remove(ctx, key, previous)
	if errors.Is(err, control.ErrConflict) || errors.Is(err, control.ErrNotFound) {
		return err
	}
	if err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	return nil
}

func (t *Table) remove(ctx context.Context, key control.Key, previous control.Version) error {
	// No document has the version "", but a condition on it must still fail.
	outcome, err := t.store.DeleteIf(ctx, t.client, itemKey(key), dynamostore.Equal(versionName, string(previous)))
	if err != nil || outcome == dynamostore.Done {
		return err
	}
	stored, err := t.version(ctx, key)
	switch {
	case err != nil:
		return err
	case outcome == dynamostore.Unsure:
		return dynamostore.ErrUnsure
	case stored == "":
		return control.ErrNotFound
	}
	return control.ErrConflict
}
