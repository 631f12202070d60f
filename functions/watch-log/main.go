// Command watch-log tells of changes and removals in the event log. It needs
// nothing of the platform, so that nothing can keep it from telling.
package main

import (
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/functions/internal/wiring"
)

func main() {
	lambda.Start(wiring.Watch(wiring.NewLog(os.Stdout, "watch-log")))
}
