// Command watch-log tells of changes and removals in the event log. It needs
// nothing of the platform, so that nothing can keep it from telling.
package main

import (
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/functions/internal/wiring"
	"reprise/pkg/consume"
)

func main() {
	lambda.Start(consume.WatchLog(wiring.NewLog(os.Stdout, "watch-log")))
}
