package engines

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"reprise/integration/npm"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/dynamostore"
)

// Engines are a pair of engines: where they listen.
type Engines struct {
	dynamoDB, kinesis string
	// input is the script's standard input. Nothing may close it, the garbage collector
	// included, as long as the engines are used.
	input io.Closer
	// ended is closed when the script has ended.
	ended <-chan struct{}
}

// given are the endpoints that the environment names.
func given() Engines {
	return Engines{
		dynamoDB: os.Getenv("REPRISE_TEST_DYNAMODB_ENDPOINT"),
		kinesis:  os.Getenv("REPRISE_TEST_KINESIS_ENDPOINT"),
	}
}

// start runs the Node script once per test binary. The script ends with the test
// binary, which closes its standard input.
var start = sync.OnceValues(open)

// open runs the Node script for what the environment does not name.
func open() (Engines, error) {
	at := given()
	if at.dynamoDB != "" && at.kinesis != "" {
		return at, nil
	}
	started, err := run()
	started.dynamoDB = cmp.Or(at.dynamoDB, started.dynamoDB)
	started.kinesis = cmp.Or(at.kinesis, started.kinesis)
	if started.dynamoDB != "" && started.kinesis != "" {
		return started, nil
	}
	return started, err
}

func run() (Engines, error) {
	dir, err := npm.Installed()
	if err != nil {
		return Engines{}, err
	}
	cmd := exec.Command("node", filepath.Join(dir, "engines.js"))
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return Engines{}, fmt.Errorf("start engines: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return Engines{}, fmt.Errorf("start engines: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ports struct{ Dynamodb, Kinesis int }
	if err == nil {
		err = json.Unmarshal(line, &ports)
	}
	if err != nil {
		return Engines{}, fmt.Errorf("read ports of engines: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It ends without an error when its input does. If it has crashed, tests would
		// only see refused connections.
		if err := cmd.Wait(); err != nil {
			fmt.Fprintf(os.Stderr, "the engines' node process ended: %v\n", err)
		}
	}()
	local := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
	return Engines{local(ports.Dynamodb), local(ports.Kinesis), input, ended}, nil
}

func started(t testing.TB) Engines {
	t.Helper()
	if testing.Short() {
		t.Skip("calls DynamoDB and Kinesis over the wire")
	}
	at, err := start()
	if err != nil {
		skip(t, err)
	}
	return at
}

// skip skips a test because of what is missing, or fails it in CI.
func skip(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// Need skips a test if there are no engines, or fails it in CI.
func Need(t testing.TB) {
	t.Helper()
	if at := given(); at.dynamoDB != "" && at.kinesis != "" {
		return
	}
	if _, err := npm.Installed(); err != nil {
		skip(t, err)
	}
}

// exclusive is held by the test that has engines which the environment names.
var exclusive sync.Mutex

// Own starts engines that no other test of the same binary uses, until the end of the
// test. Engines that the environment names are used by one test after the other.
func Own(t testing.TB) Engines {
	t.Helper()
	if at := given(); at.dynamoDB != "" || at.kinesis != "" {
		exclusive.Lock()
		t.Cleanup(exclusive.Unlock)
	}
	at, err := open()
	if err != nil {
		skip(t, err)
	}
	if at.input != nil {
		t.Cleanup(func() {
			_ = at.input.Close() // fails only if the script has ended
			<-at.ended
		})
	}
	return at
}

// Pace is the pace of production, but with pauses of at most 5 ms.
func Pace() awsclient.Pace {
	p := awsclient.Standard()
	p.Base, p.Cap = time.Millisecond, 5*time.Millisecond
	return p
}

func settings(transport http.RoundTripper) aws.Config {
	client := aws.HTTPClient(awsclient.HTTP(64))
	if transport != nil {
		client = &http.Client{Transport: transport}
	}
	return aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:     Pace().Retryer(),
		HTTPClient:  client,
	}
}

// DynamoDB returns a client of the DynamoDB engine that uses transport; nil means a
// transport without faults.
func (e Engines) DynamoDB(transport http.RoundTripper) *dynamodb.Client {
	return dynamodb.NewFromConfig(settings(transport), func(o *dynamodb.Options) { o.BaseEndpoint = &e.dynamoDB })
}

// Kinesis returns a client of the Kinesis engine that uses transport; nil means a
// transport without faults.
func (e Engines) Kinesis(transport http.RoundTripper) *kinesis.Client {
	return kinesis.NewFromConfig(settings(transport), func(o *kinesis.Options) { o.BaseEndpoint = &e.kinesis })
}

// DynamoDB is that of the engines which the tests of a binary share.
func DynamoDB(t testing.TB, transport http.RoundTripper) *dynamodb.Client {
	t.Helper()
	return started(t).DynamoDB(transport)
}

// Codec makes a codec of items, until the end of the test.
func Codec(t testing.TB) *dynamostore.Codec {
	t.Helper()
	c, err := dynamostore.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Kinesis is that of the engines which the tests of a binary share.
func Kinesis(t testing.TB, transport http.RoundTripper) *kinesis.Client {
	t.Helper()
	return started(t).Kinesis(transport)
}

// ModelRuns is the number of random runs of a conformance suite over the wire,
// where a call takes milliseconds.
const ModelRuns = 6
