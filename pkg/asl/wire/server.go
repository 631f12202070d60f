package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// maxRequestBytes is the service's limit for a request.
const maxRequestBytes = 1 << 20

// Machine is a state machine as the API describes it.
type Machine struct {
	Name string
	// Definition is the JSON that the engine runs, placeholders replaced.
	Definition string
	RoleArn    string
	Created    time.Time
}

// Config is what a Server needs.
type Config struct {
	Engine *engine.Engine
	// Machines are those of the engine, in the order of ListStateMachines.
	Machines []Machine
	// Region and Account must be the engine's and default to "us-east-1" and
	// "000000000000".
	Region, Account string
	// Log gets the internal errors that clients see without their cause; nil
	// means no logs.
	Log *slog.Logger
}

// Server is the API of one engine. It is safe for concurrent use.
type Server struct {
	config     Config
	arns       states.ARNs
	operations map[string]operation
}

// operation decodes a request and returns an answer for json.Marshal.
type operation func(ctx context.Context, request []byte) (any, error)

// New makes a server, which is an http.Handler.
func New(config Config) *Server {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: config, arns: states.NewARNs(config.Region, config.Account)}
	s.operations = map[string]operation{
		"StartExecution":                   decoded(s.startExecution, "stateMachineArn"),
		"DescribeExecution":                decoded(s.describeExecution, "executionArn"),
		"ListExecutions":                   decoded(s.listExecutions),
		"StopExecution":                    decoded(s.stopExecution, "executionArn"),
		"GetExecutionHistory":              decoded(s.getExecutionHistory, "executionArn"),
		"DescribeMapRun":                   decoded(s.describeMapRun, "mapRunArn"),
		"ListMapRuns":                      decoded(s.listMapRuns, "executionArn"),
		"UpdateMapRun":                     decoded(s.updateMapRun, "mapRunArn"),
		"SendTaskSuccess":                  decoded(s.sendTaskSuccess, "taskToken", "output"),
		"SendTaskFailure":                  decoded(s.sendTaskFailure, "taskToken"),
		"SendTaskHeartbeat":                decoded(s.sendTaskHeartbeat, "taskToken"),
		"DescribeStateMachine":             decoded(s.describeStateMachine, "stateMachineArn"),
		"ListStateMachines":                decoded(s.listStateMachines),
		"ValidateStateMachineDefinition":   decoded(s.validateDefinition, "definition"),
		"TestState":                        decoded(s.testState, "definition"),
		"DescribeStateMachineForExecution": decoded(s.describeStateMachineForExecution, "executionArn"),
	}
	return s
}

// errSerialization says that a request is not the JSON that it should be.
var errSerialization = errors.New("the request cannot be decoded")

// decoded makes an operation whose request must have the required members.
func decoded[In any](serve func(context.Context, In) (any, error), required ...string) operation {
	return func(ctx context.Context, request []byte) (any, error) {
		if len(request) == 0 {
			request = []byte("{}")
		}
		var in In
		var members map[string]any
		if err := errors.Join(json.Unmarshal(request, &in), json.Unmarshal(request, &members)); err != nil {
			return nil, fmt.Errorf("%w: %w", errSerialization, err)
		}
		if err := checkMembers(members, required); err != nil {
			return nil, err
		}
		return serve(ctx, in)
	}
}

func checkMembers(members map[string]any, required []string) error {
	for _, name := range required {
		if v := members[name]; v == nil || (v == "" && name != "output") {
			return fmt.Errorf("%w: %s is required", states.ErrValidation, name)
		}
	}
	if n, found := members["maxResults"].(float64); found && (n < 0 || n > maxPage) {
		return fmt.Errorf("%w: maxResults must be from 0 to %d", states.ErrValidation, maxPage)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !fromThisMachine(r) {
		s.refuse(w, r, fault{http.StatusForbidden, "AccessDeniedException", "requests of web pages are refused"})
		return
	}
	name, found := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")
	serve := s.operations[name]
	if r.Method != http.MethodPost || !found || serve == nil {
		s.refuse(w, r, fault{http.StatusBadRequest, "UnknownOperationException", "no such operation: " + name})
		return
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		s.refuse(w, r, fault{http.StatusBadRequest, "ValidationException", "the request cannot be read: " + err.Error()})
		return
	}
	answer, err := serve(r.Context(), request)
	if err != nil {
		s.refuse(w, r, s.faultOf(r.Context(), name, err))
		return
	}
	s.answer(w, r, http.StatusOK, answer)
}

// fromThisMachine refuses what a web page would send: pages name an origin, or
// have made their own host name point here.
func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip, err := netip.ParseAddr(host)
	return r.Header.Get("Origin") == "" && (host == "localhost" || (err == nil && ip.IsLoopback()))
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		s.config.Log.LogAttrs(r.Context(), slog.LevelError, "answer cannot be encoded", slog.String("error", err.Error()))
		status, raw = http.StatusInternalServerError, []byte(`{"__type":"InternalServerError"}`)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may be gone; nobody is left to tell
}
