package wiring

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
	"reprise/pkg/steps"
)

// asFunction is the variable that makes this test program a Lambda function.
const asFunction = "WIRING_TEST_AS_FUNCTION"

// TestMain serves plan-replay over embedded stores if the program was started as a
// function, as a main does over the services of AWS.
func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}
	// The input is refused before any call of a store.
	set, err := projection.NewSet(domain.Projections()...)
	if err != nil {
		panic(err)
	}
	lanes, err := event.NewLanes(1)
	if err != nil {
		panic(err)
	}
	p := platform.New(platform.Parts{Log: NewLog(io.Discard, "plan-replay"), Now: time.Now, Lanes: lanes,
		Applier: projection.NewApplier(set, eventlog.View{})})
	lambda.Start(Accounted(p, lambda.NewHandler(p.Plan())))
}

// TestLambdaReportsTheNamesThatTheMachineCatches runs the runtime of
// aws-lambda-go, which would report the outer Go type of an error.
func TestLambdaReportsTheNamesThatTheMachineCatches(t *testing.T) {
	reported := make(chan string, 1)
	served := false
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/next") && !served:
			served = true
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
			_, _ = io.WriteString(w, `{"replay":"r1","input":{"unknown":true}}`)
		case strings.HasSuffix(r.URL.Path, "/next"):
			<-r.Context().Done()
		default:
			body, _ := io.ReadAll(r.Body)
			var failure struct{ ErrorType, ErrorMessage string }
			_ = json.Unmarshal(body, &failure)
			w.WriteHeader(http.StatusAccepted)
			reported <- r.URL.Path[strings.LastIndex(r.URL.Path, "/"):] + " " + failure.ErrorType
		}
	}))
	defer api.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), asFunction+"=1", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case got := <-reported:
		if got != "/error "+steps.FaultInvalidInput {
			t.Errorf("Lambda reports %q", got)
		}
		stop()
		if err := <-ended; err == nil {
			t.Error("the function ended well, but was killed")
		}
	case err := <-ended:
		t.Fatalf("the function ended by itself: %v", err)
	}
}
