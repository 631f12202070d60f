package engines

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
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

// endpoints are where the engines listen.
type endpoints struct {
	dynamoDB, kinesis string
	// process keeps the script's standard input from being garbage collected,
	// which would close it.
	process *exec.Cmd
}

// start runs the Node script once per test binary. The script ends with the test
// binary, which closes its standard input.
var start = sync.OnceValues(func() (endpoints, error) {
	given := endpoints{
		dynamoDB: os.Getenv("REPRISE_TEST_DYNAMODB_ENDPOINT"),
		kinesis:  os.Getenv("REPRISE_TEST_KINESIS_ENDPOINT"),
	}
	if given.dynamoDB != "" && given.kinesis != "" {
		return given, nil
	}
	started, err := run()
	started.dynamoDB = cmp.Or(given.dynamoDB, started.dynamoDB)
	started.kinesis = cmp.Or(given.kinesis, started.kinesis)
	if started.dynamoDB != "" && started.kinesis != "" {
		return started, nil
	}
	return started, err
})

func run() (endpoints, error) {
	dir, err := npm.Installed()
	if err != nil {
		return endpoints{}, err
	}
	cmd := exec.Command("node", filepath.Join(dir, "engines.js"))
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // it stays open
		return endpoints{}, fmt.Errorf("start engines: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return endpoints{}, fmt.Errorf("start engines: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ports struct{ Dynamodb, Kinesis int }
	if err == nil {
		err = json.Unmarshal(line, &ports)
	}
	if err != nil {
		return endpoints{}, fmt.Errorf("read ports of engines: %w", err)
	}
	go func() {
		// The script should outlive this process. If it ends earlier, it has
		// crashed, which tests would only see as refused connections.
		fmt.Fprintf(os.Stderr, "the engines' node process ended: %v\n", cmd.Wait())
	}()
	local := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
	return endpoints{local(ports.Dynamodb), local(ports.Kinesis), cmd}, nil
}

func started(t testing.TB) endpoints {
	t.Helper()
	at, err := start()
	if err == nil {
		return at
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return endpoints{}
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
func DynamoDB(t testing.TB, transport http.RoundTripper) *dynamodb.Client {
	t.Helper()
	at := started(t)
	return dynamodb.NewFromConfig(settings(transport), func(o *dynamodb.Options) { o.BaseEndpoint = &at.dynamoDB })
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

// Kinesis returns a client of the Kinesis engine that uses transport; nil means a
// transport without faults.
func Kinesis(t testing.TB, transport http.RoundTripper) *kinesis.Client {
	t.Helper()
	at := started(t)
	return kinesis.NewFromConfig(settings(transport), func(o *kinesis.Options) { o.BaseEndpoint = &at.kinesis })
}

// ModelRuns is the number of random runs of a conformance suite over the wire,
// where a call takes milliseconds.
func ModelRuns() int {
	if testing.Short() {
		return 1
	}
	return 6
}
