package process

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"reprise/integration/programs"
	"reprise/pkg/local/localtest"
)

// Binary is the path of the command line, built for the test.
func Binary(t testing.TB) string {
	t.Helper()
	localtest.Whole(t)
	return filepath.Join(programs.Build(t, programs.Order{Packages: []string{"./pkg/cmd/reprise"}}), "reprise")
}

// Process is a platform that runs as a separate process.
type Process struct {
	// URL is the address of its HTTP API.
	URL string

	t       testing.TB
	binary  string
	command *exec.Cmd
	stderr  *bytes.Buffer
	waited  chan error
	printed *bufio.Reader
}

// Launch starts reprise local on a directory and waits until it is ready. The process
// ends with the test at the latest.
func Launch(t testing.TB, binary, dir string, flags ...string) *Process {
	t.Helper()
	localtest.Whole(t)
	p := &Process{t: t, binary: binary, stderr: &bytes.Buffer{}, waited: make(chan error, 1)}
	args := append([]string{"local", "--data", dir, "--addr", "127.0.0.1:0"}, flags...)
	p.command = exec.Command(binary, args...)
	p.command.Stderr = p.stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	p.printed = bufio.NewReader(out)
	line, err := p.printed.ReadString('\n')
	go func() { p.waited <- p.command.Wait() }()
	if err != nil {
		p.Kill()
		t.Fatalf("the platform did not get ready: %v\n%s", err, p.stderr)
	}
	p.URL = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	return p
}

// StepFunctions returns the address of the Step Functions API, which the process prints
// after that of its HTTP API. It is called at most once.
func (p *Process) StepFunctions() string {
	p.t.Helper()
	line, err := p.printed.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the platform does not print a second address: %v", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "stepfunctions "))
}

// Stderr is what the process printed on stderr. It must have ended.
func (p *Process) Stderr() string { return p.stderr.String() }

// PID is the id of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Kill ends the process with SIGKILL. It may be called again.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may be gone already
	select {
	case err := <-p.waited:
		p.waited <- err
	case <-time.After(30 * time.Second):
		p.t.Error("the process does not end after SIGKILL")
	}
}

// Terminate ends the process with SIGTERM and fails the test if the process reports an
// error.
func (p *Process) Terminate() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	err := <-p.waited
	p.waited <- err
	if err != nil {
		p.t.Errorf("SIGTERM: %v\n%s", err, p.stderr)
	}
}

// Reprise runs a client command against the process.
func (p *Process) Reprise(args ...string) (stdout string, err error) {
	p.t.Helper()
	command := exec.CommandContext(p.t.Context(), p.binary, args...)
	command.Env = append(os.Environ(), "REPRISE_ENDPOINT="+p.URL)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("reprise %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}
