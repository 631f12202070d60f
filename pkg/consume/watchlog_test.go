package consume_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/consume"
)

func TestChangesOfTheLogAreLoggedWithoutIDs(t *testing.T) {
	var logged bytes.Buffer
	var change events.DynamoDBEvent
	if err := json.Unmarshal([]byte(`{"Records":[{"eventID":"e1","eventName":"MODIFY",
		"dynamodb":{"Keys":{"pk":{"S":"0003#2026-01-01T00"},"sk":{"S":"secret-entity#1"}}}}]}`), &change); err != nil {
		t.Fatal(err)
	}
	if err := consume.WatchLog(slog.New(slog.NewJSONHandler(&logged, nil)))(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	line := logged.String()
	if !strings.Contains(line, "0003#2026-01-01T00") || !strings.Contains(line, "MODIFY") ||
		strings.Contains(line, "secret") {
		t.Errorf("logged %s", line)
	}
}
