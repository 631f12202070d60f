package datastoredynamo

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const (
	identityPrefix = "i#"
	contentName    = "c"
	contentBytes   = 8
	// partitionDigits is the number of digits of an identity's key in the partition key.
	partitionDigits = 2
)

// unlessEarlier is the condition that no event at that position or an earlier one is
// stored yet.
func unlessEarlier(at event.Position) dynamostore.Condition {
	return dynamostore.Condition{
		Expression: dynamostore.New().Expression + " OR " + positionName + " > :o",
		Values:     dynamostore.Item{":o": dynamostore.Text(string(at))},
	}
}

func encodeIdentity(lane event.Lane, e *datastore.Identity) dynamostore.Item {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], e.Key.Hi)
	binary.BigEndian.PutUint64(key[8:], e.Key.Lo)
	sort := identityPrefix + event.EscapeEntity(e.Entity) + "#" + base64.RawURLEncoding.EncodeToString(key[:])
	return dynamostore.Item{
		dynamostore.PK: dynamostore.Text(lane.String() + "#" + e.Key.String()[:partitionDigits]),
		dynamostore.SK: dynamostore.Text(sort),
		positionName:   dynamostore.Text(string(e.Position)),
		contentName:    &types.AttributeValueMemberB{Value: binary.BigEndian.AppendUint64(nil, e.Content)},
	}
}

// Identify implements datastore.Generation. It costs one write unit per event and no
// read: a refused put returns the item that is already there.
func (g *generation) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	[]datastore.Identity, error,
) {
	err := errors.Join(ctx.Err(), datastore.CheckIdentities(events))
	if err == nil && len(events) > 0 {
		err = g.check()
	}
	if err != nil {
		return nil, failed("identify events", err)
	}
	first := slices.Clone(events)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(g.all.options.Parallel)
	for i := range first {
		if groupCtx.Err() != nil {
			break // one error is enough: skip the rest
		}
		group.Go(func() error { return g.enter(groupCtx, lane, &first[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, failed("identify events", err)
	}
	return first, nil
}

// enter stores e unless an earlier event is stored; then it sets e to that one.
func (g *generation) enter(ctx context.Context, lane event.Lane, e *datastore.Identity) error {
	standing, err := g.store.PutOrShow(ctx, g.all.client, encodeIdentity(lane, e), unlessEarlier(e.Position))
	if err != nil || standing == nil {
		return err
	}
	content, ok := standing[contentName].(*types.AttributeValueMemberB)
	if !ok || len(content.Value) != contentBytes {
		return fmt.Errorf("decode identity: %w", dynamostore.ErrFrame)
	}
	e.Position = event.Position(dynamostore.TextOf(standing[positionName]))
	e.Content = binary.BigEndian.Uint64(content.Value)
	return nil
}

var _ datastore.Recaller = (*generation)(nil)

// Identities implements datastore.Recaller. It costs a query for each of the 256
// partitions of a lane, several at a time.
func (g *generation) Identities(
	ctx context.Context, lane event.Lane, from, to string, visit func(datastore.Identity) error,
) error {
	if err := errors.Join(ctx.Err(), g.check()); err != nil {
		return failed("read identities", err)
	}
	// '$' follows '#', so the range ends after the last key of the index.
	keys := dynamostore.Range{From: identityPrefix + from, To: "i$", Consistent: true}
	if to != "" {
		keys.To = identityPrefix + to + "~" // which follows every identity
	}
	if keys.From > keys.To {
		return nil // which the service refuses to look for
	}
	var one sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(g.all.options.Parallel)
	for part := range 1 << (4 * partitionDigits) {
		at := keys
		at.PK = fmt.Sprintf("%s#%0*x", lane, partitionDigits, part)
		group.Go(func() error {
			return g.store.Items(groupCtx, g.all.client, at, math.MaxInt, func(item dynamostore.Item) error {
				e, err := decodeIdentity(item)
				if err != nil {
					return err
				}
				one.Lock()
				defer one.Unlock()
				return visit(e)
			})
		})
	}
	if err := group.Wait(); err != nil {
		return failed("read identities", err)
	}
	return nil
}

// decodeIdentity is the reverse of encodeIdentity.
func decodeIdentity(item dynamostore.Item) (e datastore.Identity, err error) {
	sort, _ := strings.CutPrefix(dynamostore.KeyOf(item).SK, identityPrefix)
	escaped, encoded, _ := strings.Cut(sort, "#")
	if e.Entity, err = event.UnescapeEntity(escaped); err != nil {
		return e, fmt.Errorf("decode identity: %w", err)
	}
	key, err := base64.RawURLEncoding.DecodeString(encoded)
	content, ok := item[contentName].(*types.AttributeValueMemberB)
	if err != nil || len(key) != 16 || !ok || len(content.Value) != contentBytes {
		return e, fmt.Errorf("decode identity: %w", dynamostore.ErrFrame)
	}
	e.Key = event.Digest{Hi: binary.BigEndian.Uint64(key), Lo: binary.BigEndian.Uint64(key[8:])}
	e.Position = event.Position(dynamostore.TextOf(item[positionName]))
	e.Content = binary.BigEndian.Uint64(content.Value)
	return e, nil
}
