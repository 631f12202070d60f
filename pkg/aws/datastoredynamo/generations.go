package datastoredynamo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/datastore"
	"reprise/pkg/meter"
)

// Client is the calls of DynamoDB that the Data Store makes.
type Client interface {
	dynamostore.Getter
	dynamostore.Putter
	dynamostore.Querier
	dynamostore.BatchGetter
	dynamostore.BatchWriter
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (
		*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (
		*dynamodb.DescribeTableOutput, error)
	UpdateContinuousBackups(context.Context, *dynamodb.UpdateContinuousBackupsInput, ...func(*dynamodb.Options)) (
		*dynamodb.UpdateContinuousBackupsOutput, error)
	DeleteTable(context.Context, *dynamodb.DeleteTableInput, ...func(*dynamodb.Options)) (
		*dynamodb.DeleteTableOutput, error)
	ListTables(context.Context, *dynamodb.ListTablesInput, ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error)
}

// Options say how to use the tables.
type Options struct {
	// Prefix begins the name of every generation's table; the id follows. No
	// other table of the account may have it.
	Prefix string
	Pace   awsclient.Pace
	// Waits is how often to look at a table that is being created or deleted, up
	// to Pace.Cap apart, before giving up; 0 means 120.
	Waits int
	// Parallel bounds the concurrent writes of one call; 0 means 32.
	Parallel int
	// Random is the source of mark versions, such as crypto/rand.Reader. It must
	// be safe for concurrent use.
	Random io.Reader
	// Tags are the tags of every table.
	Tags map[string]string
	// Protected encrypts every table with the account's KMS key for DynamoDB and
	// turns on point-in-time recovery, as for the platform's other tables.
	Protected bool
	// Meter counts units; nil counts nothing.
	Meter *meter.Counter
}

// Generations is a datastore.Generations on DynamoDB. It is safe for concurrent
// use.
type Generations struct {
	client  Client
	codec   *dynamostore.Codec
	options Options
}

var _ datastore.Generations = (*Generations)(nil)

// New returns the generations. It makes no call. The caller closes the codec.
func New(client Client, codec *dynamostore.Codec, options Options) *Generations {
	if options.Waits < 1 {
		options.Waits = 120
	}
	if options.Parallel < 1 {
		options.Parallel = 32
	}
	return &Generations{client: client, codec: codec, options: options}
}

// failed wraps the error of a method, with the contract's own error where there is
// one.
func failed(what string, err error) error {
	if dynamostore.IsMissing(err) {
		return fmt.Errorf("%s: %w: %w", what, datastore.ErrNoGeneration, err)
	}
	if errors.Is(err, dynamostore.ErrUnprocessed) {
		return fmt.Errorf("%s: %w: %w", what, datastore.ErrThrottled, err)
	}
	return fmt.Errorf("%s: %w", what, awsclient.Throttled(err, datastore.ErrThrottled))
}

// tableNames matches the table names that DynamoDB accepts.
var tableNames = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// name returns the table name of a generation.
func (g *Generations) name(id string) (string, error) {
	if err := datastore.CheckID(id); err != nil {
		return "", err
	}
	name := g.options.Prefix + id
	if !tableNames.MatchString(name) {
		return "", fmt.Errorf("generation id %.80q does not fit into a table name: %w", id, datastore.ErrLimit)
	}
	return name, nil
}

func (g *Generations) table(id string) dynamostore.Table {
	return dynamostore.Table{Name: g.options.Prefix + id, Pace: g.options.Pace, Meter: g.options.Meter}
}

// Open implements datastore.Generations.
func (g *Generations) Open(id string) datastore.Generation {
	return &generation{all: g, id: id, store: g.table(id)}
}

// Create implements datastore.Generations. If the table is being deleted, it waits
// and creates it anew. A protected table has point-in-time recovery when Create returns.
func (g *Generations) Create(ctx context.Context, id string) error {
	name, err := g.name(id)
	if err == nil {
		err = g.await(ctx, name, func(status types.TableStatus) (bool, error) {
			switch status {
			case "":
				return false, g.create(ctx, name)
			case types.TableStatusCreating, types.TableStatusDeleting:
				return false, nil
			}
			return g.protect(ctx, name)
		})
	}
	if err != nil {
		return failed("create generation", err)
	}
	return nil
}

func (g *Generations) create(ctx context.Context, name string) error {
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	pk, sk := dynamostore.PK, dynamostore.SK
	in := &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: &pk, KeyType: types.KeyTypeHash},
			{AttributeName: &sk, KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{text(pk), text(sk)},
	}
	if g.options.Protected {
		enabled := true
		in.SSESpecification = &types.SSESpecification{Enabled: &enabled, SSEType: types.SSETypeKms}
	}
	for key, value := range g.options.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	_, err := g.client.CreateTable(ctx, in)
	return inUse(err)
}

// protect turns on point-in-time recovery. It reports false while the service is not
// ready for that, shortly after the creation of a table.
func (g *Generations) protect(ctx context.Context, name string) (done bool, err error) {
	if !g.options.Protected {
		return true, nil
	}
	enabled := true
	_, err = g.client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &name,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &enabled}})
	if awsclient.HasCode(err, "ContinuousBackupsUnavailableException") ||
		awsclient.HasCode(err, "TableNotFoundException") {
		return false, nil
	}
	return err == nil, err
}

// inUse ignores the error for a table that is being created or deleted: the caller
// waits.
func inUse(err error) error {
	if awsclient.HasCode(err, "ResourceInUseException") {
		return nil
	}
	return err
}

// Drop implements datastore.Generations. It returns when the table is gone, since
// until then reads and writes would succeed.
func (g *Generations) Drop(ctx context.Context, id string) error {
	name, err := g.name(id)
	if errors.Is(err, datastore.ErrLimit) && ctx.Err() == nil {
		return nil // no table can have this name
	}
	if err == nil {
		err = g.await(ctx, name, func(status types.TableStatus) (bool, error) {
			switch status {
			case "":
				return true, nil
			case types.TableStatusDeleting, types.TableStatusCreating:
				return false, nil
			}
			_, err := g.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
			if dynamostore.IsMissing(err) {
				return true, nil
			}
			return false, inUse(err)
		})
	}
	if err != nil {
		return failed("drop generation", err)
	}
	return nil
}

// await polls a table's status until step accepts it. The status "" means that there
// is no table.
func (g *Generations) await(ctx context.Context, name string,
	step func(types.TableStatus) (done bool, err error),
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for wait := range g.options.Waits {
		var status types.TableStatus
		out, err := g.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err == nil {
			status = out.Table.TableStatus
		} else if !dynamostore.IsMissing(err) {
			return err
		}
		done, err := step(status)
		if done || err != nil {
			return err
		}
		if err := g.options.Pace.Sleep(ctx, g.options.Pace.Delay(wait)); err != nil {
			return err
		}
	}
	return fmt.Errorf("table %s is still being created or deleted", name)
}

// Clear implements datastore.Generations. It fails with datastore.ErrNoGeneration if
// there is no table. It costs a write unit per 1 KB of a row and per identity: to
// refill a generation, drop and create it instead.
func (g *Generations) Clear(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return failed("clear generation", err)
	}
	if _, err := g.name(id); err != nil {
		return fmt.Errorf("clear generation: %w: %w", datastore.ErrNoGeneration, err)
	}
	store := g.table(id)
	keys := dynamostore.PK + ", " + dynamostore.SK
	consistent := true // also delete what was just written
	scan := &dynamodb.ScanInput{TableName: &store.Name, ProjectionExpression: &keys, ConsistentRead: &consistent,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	for {
		out, err := g.client.Scan(ctx, scan)
		if err != nil {
			return failed("clear generation", err)
		}
		if out.ConsumedCapacity != nil && out.ConsumedCapacity.CapacityUnits != nil {
			g.options.Meter.Add(meter.ReadUnits, *out.ConsumedCapacity.CapacityUnits)
		}
		found := make([]dynamostore.Key, len(out.Items))
		for i, item := range out.Items {
			found[i] = dynamostore.KeyOf(item)
		}
		if err := store.DeleteAll(ctx, g.client, found); err != nil {
			return failed("clear generation", err)
		}
		if scan.ExclusiveStartKey = out.LastEvaluatedKey; len(scan.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}

// Size implements datastore.Generations. DynamoDB counts about every six hours.
func (g *Generations) Size(ctx context.Context, id string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, failed("measure generation", err)
	}
	name, err := g.name(id)
	if err != nil {
		return 0, fmt.Errorf("measure generation: %w: %w", datastore.ErrNoGeneration, err)
	}
	out, err := g.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	switch {
	case err != nil:
		return 0, failed("measure generation", err)
	case out.Table.TableStatus == types.TableStatusDeleting:
		return 0, failed("measure generation", datastore.ErrNoGeneration)
	case out.Table.TableSizeBytes == nil:
		return 0, nil
	}
	return *out.Table.TableSizeBytes, nil
}

// List implements datastore.Generations.
func (g *Generations) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("list generations", err)
	}
	var ids []string
	in := new(dynamodb.ListTablesInput)
	for {
		out, err := g.client.ListTables(ctx, in)
		if err != nil {
			return nil, failed("list generations", err)
		}
		for _, name := range out.TableNames {
			if id, ours := strings.CutPrefix(name, g.options.Prefix); ours && id != "" {
				ids = append(ids, id)
			}
		}
		if in.ExclusiveStartTableName = out.LastEvaluatedTableName; in.ExclusiveStartTableName == nil {
			slices.Sort(ids)
			return ids, nil
		}
	}
}
