package engines

import (
	"fmt"
	"net"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// TestEnginesOutliveTheirClients breaks connections in the middle of requests,
// as a killed function does.
func TestEnginesOutliveTheirClients(t *testing.T) {
	tables, streams := DynamoDB(t, nil), Kinesis(t, nil)
	for _, endpoint := range []*string{tables.Options().BaseEndpoint, streams.Options().BaseEndpoint} {
		at, err := url.Parse(aws.ToString(endpoint))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			breakOff(t, at.Host)
		}
	}
	if _, err := tables.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Error(err)
	}
	if _, err := streams.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
		t.Error(err)
	}
}

// breakOff sends a part of a request and resets the connection.
func breakOff(t *testing.T, host string) {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n{",
		host); err != nil {
		t.Fatal(err)
	}
	if tcp, is := connection.(*net.TCPConn); is {
		_ = tcp.SetLinger(0) // a reset in place of an orderly end
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
}
