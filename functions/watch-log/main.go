// Command watch-log reports changes and removals in the event log. It depends on no
// other part of the platform, so no fault there can silence it.
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
