package datastoredynamo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const (
	markPrefix  = "m#"
	versionName = "v"
	markName    = "d"
	placeName   = "p"
	// versionBytes is large enough that no version ever repeats, even after a Clear.
	versionBytes = 16
)

func markKey(name datastore.MarkName, lane event.Lane) dynamostore.Key {
	return dynamostore.Key{PK: lane.String(), SK: markPrefix + string(name)}
}

// Mark implements datastore.Generation.
func (g *generation) Mark(ctx context.Context, name datastore.MarkName, lane event.Lane) (
	datastore.Mark, datastore.MarkVersion, error,
) {
	if err := errors.Join(ctx.Err(), g.check()); err != nil {
		return datastore.Mark{}, "", failed("read mark", err)
	}
	item, err := g.store.Get(ctx, g.all.client, markKey(name, lane))
	if err != nil {
		return datastore.Mark{}, "", failed("read mark", err)
	}
	if item == nil {
		return datastore.Mark{}, "", datastore.ErrNoMark
	}
	var mark datastore.Mark
	if err := json.Unmarshal([]byte(dynamostore.TextOf(item[markName])), &mark); err != nil {
		return datastore.Mark{}, "", failed("decode mark", err)
	}
	if mark.Place, err = g.all.codec.Decode(item[placeName]); err != nil {
		return datastore.Mark{}, "", failed("decode place of mark", err)
	}
	return mark, datastore.MarkVersion(dynamostore.TextOf(item[versionName])), nil
}

// SetMark implements datastore.Generation.
func (g *generation) SetMark(ctx context.Context, name datastore.MarkName, lane event.Lane, mark datastore.Mark,
	previous datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	if err := errors.Join(ctx.Err(), mark.Check(), g.check()); err != nil {
		return "", failed("set mark", err)
	}
	version, err := g.setMark(ctx, markKey(name, lane), mark, previous)
	if errors.Is(err, datastore.ErrConflict) {
		return "", datastore.ErrConflict
	}
	if err != nil {
		return "", failed("set mark", err)
	}
	return version, nil
}

func (g *generation) encodeMark(key dynamostore.Key, mark datastore.Mark) (
	dynamostore.Item, datastore.MarkVersion, error,
) {
	var random [versionBytes]byte
	if _, err := io.ReadFull(g.all.options.Random, random[:]); err != nil {
		return nil, "", fmt.Errorf("choose version: %w", err)
	}
	version := base64.RawURLEncoding.EncodeToString(random[:])
	place := mark.Place
	mark.Place = nil
	body, err := json.Marshal(mark)
	if err != nil {
		return nil, "", fmt.Errorf("encode mark: %w", err)
	}
	item := dynamostore.Item{
		dynamostore.PK: dynamostore.Text(key.PK),
		dynamostore.SK: dynamostore.Text(key.SK),
		versionName:    dynamostore.Text(version),
		markName:       dynamostore.Text(string(body)),
	}
	if len(place) > 0 {
		item[placeName] = dynamostore.Plain(place)
	}
	return item, datastore.MarkVersion(version), nil
}

// setMark stores a mark if the stored version is previous. If the condition fails,
// the stored version tells whether an earlier attempt of this write succeeded and its
// answer was lost. Any other version after a lost answer proves nothing.
func (g *generation) setMark(ctx context.Context, key dynamostore.Key, mark datastore.Mark,
	previous datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	item, version, err := g.encodeMark(key, mark)
	if err != nil {
		return "", err
	}
	condition := dynamostore.New()
	if previous != "" {
		condition = dynamostore.Equal(versionName, string(previous))
	}
	outcome, err := g.store.PutIf(ctx, g.all.client, item, condition)
	if err != nil {
		return "", err
	}
	if outcome == dynamostore.Done {
		return version, nil
	}
	known, err := g.store.Get(ctx, g.all.client, key)
	switch {
	case err != nil:
		return "", err
	case known != nil && dynamostore.TextOf(known[versionName]) == string(version):
		return version, nil
	case outcome == dynamostore.Unsure:
		return "", dynamostore.ErrUnsure
	}
	return "", datastore.ErrConflict
}
