package controldynamo

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/control"
	"reprise/pkg/meter"
)

const (
	versionName = "v"
	bodyName    = "b"
	// versionBytes is large enough that no version ever repeats, not even one of
	// a deleted document.
	versionBytes = 16
	// parallelPuts bounds the concurrent writes of one PutAll.
	parallelPuts = 32
)

// Client is the calls of DynamoDB that the table makes.
type Client interface {
	dynamostore.Getter
	dynamostore.Putter
	dynamostore.Deleter
	dynamostore.Querier
	dynamostore.BatchGetter
}

// Options say how to use the table.
type Options struct {
	// Table is the table's name. Its keys are the strings "pk" and "sk".
	Table string
	Pace  awsclient.Pace
	// Random is the source of versions, such as crypto/rand.Reader. It must be safe
	// for concurrent use.
	Random io.Reader
	// Meter counts units; nil counts nothing.
	Meter *meter.Counter
}

// Table is a control.Table on DynamoDB. It is safe for concurrent use.
type Table struct {
	client Client
	store  dynamostore.Table
	random io.Reader
}

var _ control.Table = (*Table)(nil)

// New returns the table. It makes no call.
func New(client Client, options Options) *Table {
	return &Table{client: client, random: options.Random,
		store: dynamostore.Table{Name: options.Table, Pace: options.Pace, Meter: options.Meter}}
}

func itemKey(key control.Key) dynamostore.Key {
	return dynamostore.Key{PK: key.Partition, SK: key.Sort}
}

func (t *Table) newVersion() (control.Version, error) {
	var b [versionBytes]byte
	if _, err := io.ReadFull(t.random, b[:]); err != nil {
		return "", fmt.Errorf("choose version: %w", err)
	}
	return control.Version(base64.RawURLEncoding.EncodeToString(b[:])), nil
}

func decode(item dynamostore.Item) (control.Document, error) {
	key := dynamostore.KeyOf(item)
	doc := control.Document{Key: control.Key{Partition: key.PK, Sort: key.SK},
		Version: control.Version(dynamostore.TextOf(item[versionName])), Body: []byte{}}
	if doc.Version == "" {
		return control.Document{}, fmt.Errorf("decode document %s/%s: no version", key.PK, key.SK)
	}
	switch body := item[bodyName].(type) {
	case nil:
	case *types.AttributeValueMemberS:
		doc.Body = []byte(body.Value)
	case *types.AttributeValueMemberB:
		doc.Body = body.Value
	default:
		return control.Document{}, fmt.Errorf("decode document %s/%s: body of another type", key.PK, key.SK)
	}
	return doc, nil
}

// Get implements control.Table.
func (t *Table) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return control.Document{}, fmt.Errorf("get document: %w", err)
	}
	item, err := t.store.Get(ctx, t.client, itemKey(key))
	if err != nil {
		return control.Document{}, fmt.Errorf("get document: %w", err)
	}
	if item == nil {
		return control.Document{}, control.ErrNotFound
	}
	return decode(item)
}

// GetAll implements control.Table.
func (t *Table) GetAll(ctx context.Context, keys []control.Key) ([]control.Document, error) {
	distinct, err := control.Distinct(keys) // the service refuses repeated keys
	if err := errors.Join(ctx.Err(), err); err != nil {
		return nil, fmt.Errorf("get documents: %w", err)
	}
	wanted := make([]dynamostore.Key, len(distinct))
	for i, key := range distinct {
		wanted[i] = itemKey(key)
	}
	items, err := t.store.GetAll(ctx, t.client, wanted)
	if err != nil {
		return nil, fmt.Errorf("get documents: %w", err)
	}
	return decodeAll(items)
}

func decodeAll(items []dynamostore.Item) ([]control.Document, error) {
	docs := make([]control.Document, 0, len(items))
	for _, item := range items {
		doc, err := decode(item)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// List implements control.Table.
func (t *Table) List(ctx context.Context, partition, after string, limit int) ([]control.Document, error) {
	if err := errors.Join(ctx.Err(), control.CheckRange(partition, after)); err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	var items []dynamostore.Item
	whole := dynamostore.Range{PK: partition, After: after, Consistent: true}
	err := t.store.Items(ctx, t.client, whole, limit, func(item dynamostore.Item) error {
		items = append(items, item)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	return decodeAll(items)
}
