package deployed

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"reprise/integration/engines"
	"reprise/integration/faultproxy"
	"reprise/integration/keyservice"
	"reprise/integration/lambdahost"
	"reprise/integration/permissions"
	"reprise/integration/template"
	"reprise/pkg/asl/engine"
	"reprise/pkg/feed"
	"reprise/pkg/local/localtest"
)

// Options configure a World.
type Options struct {
	Deployment *template.Deployment
	// Programs is the directory that Build returned.
	Programs string
	// Prefix begins the names of the deployment's resources.
	Prefix string
	// Seed is the seed of all faults.
	Seed uint64
}

// World is a deployment that runs until its test ends.
type World struct {
	// Client calls the HTTP API, with all its permissions.
	*localtest.Client
	Host   *lambdahost.Host
	API    *lambdahost.API
	Engine *engine.Engine
	// Proxies are between the functions and "dynamodb", "kinesis", "states",
	// "lambda" and "kms"; nothing else uses them.
	Proxies map[string]*faultproxy.Proxy

	t           testing.TB
	options     Options
	engines     engines.Engines
	streams     feed.Streams
	checkpoints *checkpoints
	// states is the endpoint of the Step Functions API.
	states string
	// functions is the endpoint of the Lambda API.
	functions string
	kills     *kills
	// permissions compares the functions' calls with their roles.
	permissions *permissions.Checker
	// definitions are the state machine's definitions, by execution.
	definitions *definitions
	// gaveUp is the last count of AwaitGivenUp, by folder.
	gaveUp map[string]int
	// batches is the number of batches that functions work on.
	batches atomic.Int64
	group   *errgroup.Group
	log     *slog.Logger
}

// Start runs a deployment. Without node it skips the test, or fails it in CI.
func Start(t testing.TB, options Options) *World {
	t.Helper()
	w := &World{
		t:           t,
		options:     options,
		Proxies:     make(map[string]*faultproxy.Proxy),
		checkpoints: &checkpoints{sequences: make(map[string]string)},
		gaveUp:      make(map[string]int),
		log:         slog.New(slog.DiscardHandler),
	}
	w.permissions = permissions.New(place(), options.Deployment)
	w.kills = &kills{world: w, done: make(map[string]int)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	w.group, ctx = errgroup.WithContext(ctx)
	w.createStores()
	states, api, gateway, metrics, keys := w.listen(), w.listen(), w.listen(), w.listen(), w.listen()
	w.states, w.functions = "http://"+states.Addr().String(), "http://"+api.Addr().String()
	w.proxy("states", w.states)
	w.proxy("lambda", w.functions)
	w.proxy("kms", "http://"+keys.Addr().String())
	w.serve(ctx, keys, keyservice.New(t))
	w.serve(ctx, metrics, http.HandlerFunc(noMetrics))
	w.startHost("http://" + metrics.Addr().String())
	// All callers of functions end before the host does.
	t.Cleanup(func() {
		cancel()
		if err := w.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("run deployment: %v", err)
		}
	})
	w.startEngine(ctx, states)
	w.API = lambdahost.NewAPI(w.Host, w.consume)
	t.Cleanup(w.API.Close)
	w.serve(ctx, api, w.API)
	w.serve(ctx, gateway, w.gateway())
	w.Client = &localtest.Client{
		T:        t,
		URL:      "http://" + gateway.Addr().String(),
		HTTP:     &http.Client{Transport: signing{Key("produce", "operate", "audit", "trace")}},
		Stubborn: true,
		Every:    askEvery,
	}
	w.publish()
	w.group.Go(func() error { return w.schedules(ctx) })
	return w
}

func (w *World) listen() net.Listener {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	return listener
}

// serve answers on a listener until ctx ends.
func (w *World) serve(ctx context.Context, listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: emulateHeaderTimeout}
	w.group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	w.group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

func (w *World) proxy(name, target string) {
	w.t.Helper()
	p, err := faultproxy.Start(faultproxy.Config{Target: target, Seed: w.options.Seed, Answer: engines.Lacking})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Proxies[name] = p
	w.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			w.t.Errorf("close proxy of %s: %v", name, err)
		}
	})
}

// SetRates gives every service the same rates of faults; nil means none.
func (w *World) SetRates(rates faultproxy.Rates) {
	for _, proxy := range w.Proxies {
		proxy.SetRates(rates)
	}
}

// As calls the HTTP API with the policies of some groups only.
func (w *World) As(groups ...string) *localtest.Client {
	return &localtest.Client{T: w.t, URL: w.URL, HTTP: &http.Client{Transport: signing{Key(groups...)}}, Stubborn: true,
		Every: askEvery}
}

// Name is the name of the function in a folder.
func (w *World) Name(folder string) string { return w.options.Prefix + "-" + folder }

func (w *World) startHost(metrics string) {
	w.t.Helper()
	config := lambdahost.Config{
		Region:      place().Region,
		Account:     place().Account,
		OutputBytes: 8 << 20,
		Env: map[string]string{
			"AWS_ENDPOINT_URL_DYNAMODB":   w.Proxies["dynamodb"].URL(),
			"AWS_ENDPOINT_URL_KINESIS":    w.Proxies["kinesis"].URL(),
			"AWS_ENDPOINT_URL_SFN":        w.Proxies["states"].URL(),
			"AWS_ENDPOINT_URL_KMS":        w.Proxies["kms"].URL(),
			"AWS_ENDPOINT_URL_LAMBDA":     w.Proxies["lambda"].URL(),
			"AWS_ENDPOINT_URL_CLOUDWATCH": metrics,
		},
	}
	for _, f := range w.options.Deployment.Functions {
		config.Functions = append(config.Functions, w.function(f, w.options.Programs))
	}
	host, err := lambdahost.Start(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Host, w.definitions = host, &definitions{host: host}
	for name, proxy := range w.Proxies {
		proxy.Observe(func(caller, operation string, body []byte) {
			w.kills.observe(name, operation, body)
			w.permissions.Observe(name, caller, operation, body)
		})
	}
	w.t.Cleanup(func() {
		if err := host.Close(); err != nil {
			w.t.Error(err)
		}
		w.logOutput()
		w.permissions.Report(w.t)
	})
}

// function is a function of the templates with its program.
func (w *World) function(f template.Function, programs string) lambdahost.Function {
	env := maps.Clone(f.Environment)
	env["AWS_ACCESS_KEY_ID"] = f.Name // so that the proxies know who calls
	return lambdahost.Function{
		Name:        f.Name,
		Binary:      filepath.Join(programs, strings.TrimPrefix(f.Name, w.options.Prefix+"-")),
		Env:         env,
		Timeout:     f.Timeout,
		Concurrency: f.Concurrency,
		MemoryMB:    f.MemoryMB,
	}
}

// logOutput logs the last output of every function if the test has failed.
func (w *World) logOutput() {
	if !w.t.Failed() {
		return
	}
	for _, f := range w.options.Deployment.Functions {
		if out := w.Host.Output(f.Name); out != "" {
			w.t.Logf("%s: …%s", f.Name, out[max(0, len(out)-4000):])
		}
	}
}

// DynamoDB is a client of the deployment's tables. Its calls go through no proxy.
func (w *World) DynamoDB() *dynamodb.Client { return w.engines.DynamoDB(nil) }
