// Command together is every function in one program, which runs the one by whose name it
// is called. Tests link it in place of 23 programs; nothing deploys it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/functions/internal/wiring"
	"reprise/pkg/consume"
)

func main() {
	name := filepath.Base(os.Args[0])
	run, known := functions()[name]
	if !known {
		fmt.Fprintf(os.Stderr, "no function is called %q: link this program under the name of one, and call that\n", name)
		os.Exit(2)
	}
	run()
}

// functions are the bodies of the functions' mains by name. A test compares them.
func functions() map[string]func() {
	return map[string]func(){
		"apply-playback": func() {
			wiring.Start("apply-playback", func(p *wiring.Platform) any { return p.ApplyPlayback() })
		},
		"await-resume": func() {
			wiring.Start("await-resume", func(p *wiring.Platform) any { return p.AwaitResume() })
		},
		"check-drained": func() {
			wiring.Start("check-drained", func(p *wiring.Platform) any { return p.Drain() })
		},
		"close-replay": func() {
			wiring.Start("close-replay", func(p *wiring.Platform) any { return p.Close() })
		},
		"control-replay": func() {
			wiring.Start("control-replay", func(p *wiring.Platform) any { return p.Control() })
		},
		"follow-stream": func() {
			wiring.Start("follow-stream", func(p *wiring.Platform) any { return p.Follow() })
		},
		"import-events": func() {
			wiring.Start("import-events", func(p *wiring.Platform) any { return wiring.HTTP(p.Load(true).Handler()) })
		},
		"keep-consumers": func() {
			wiring.Start("keep-consumers", func(p *wiring.Platform) any { return p.Keep })
		},
		"load-events": func() {
			wiring.Start("load-events", func(p *wiring.Platform) any { return wiring.HTTP(p.Load(false).Handler()) })
		},
		"plan-replay": func() {
			wiring.Start("plan-replay", func(p *wiring.Platform) any { return p.Plan() })
		},
		"plan-verification": func() {
			wiring.Start("plan-verification", func(p *wiring.Platform) any { return p.PlanVerification() })
		},
		"promote-generation": func() {
			wiring.Start("promote-generation", func(p *wiring.Platform) any { return p.Promote() })
		},
		"prove-completeness": func() {
			wiring.Start("prove-completeness", func(p *wiring.Platform) any { return p.Prove() })
		},
		"pump-events": func() {
			wiring.Start("pump-events", func(p *wiring.Platform) any { return p.Pump() })
		},
		"read-segment": func() {
			wiring.Start("read-segment", func(p *wiring.Platform) any { return p.Read() })
		},
		"report-replay": func() {
			wiring.Start("report-replay", func(p *wiring.Platform) any { return p.Report() })
		},
		"report-verification": func() {
			wiring.Start("report-verification", func(p *wiring.Platform) any { return p.ReportVerification() })
		},
		"retry-effects": func() {
			wiring.Start("retry-effects", func(p *wiring.Platform) any {
				return func(ctx context.Context) error {
					_, err := p.RetryEffects(ctx)
					return err
				}
			})
		},
		"run-microservice": func() {
			wiring.Start("run-microservice", func(p *wiring.Platform) any { return p.Microservice() })
		},
		"serve-api": func() {
			wiring.Start("serve-api", func(p *wiring.Platform) any { return wiring.HTTP(p.API().Handler()) })
		},
		"verify-lanes": func() {
			wiring.Start("verify-lanes", func(p *wiring.Platform) any { return p.VerifyLanes() })
		},
		"watch-log": func() {
			lambda.Start(consume.WatchLog(wiring.NewLog(os.Stdout, "watch-log")))
		},
		"write-state": func() {
			wiring.Start("write-state", func(p *wiring.Platform) any { return wiring.WriteByAlias(p) })
		},
	}
}
