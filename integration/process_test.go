package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// workshop is where the command line is built, once for all tests.
var workshop struct {
	once sync.Once
	dir  string
	err  error
}

func build() error {
	workshop.once.Do(func() {
		if workshop.dir, workshop.err = os.MkdirTemp("", "reprise-test-"); workshop.err != nil {
			return
		}
		command := exec.Command("go", "build", "-o", filepath.Join(workshop.dir, "reprise"), "reprise/pkg/cmd/reprise")
		if out, err := command.CombinedOutput(); err != nil {
			workshop.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	return workshop.err
}

func TestMain(m *testing.M) {
	code := m.Run()
	if workshop.dir != "" {
		_ = os.RemoveAll(workshop.dir)
	}
	os.Exit(code)
}

func binary(t testing.TB) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(workshop.dir, "reprise")
}

// process is a platform that runs as a process of its own.
type process struct {
	t       testing.TB
	command *exec.Cmd
	URL     string
	stderr  *bytes.Buffer
	waited  chan error
}

// launch starts reprise local on a directory and waits until it is ready.
func launch(t testing.TB, dir string, flags ...string) *process {
	t.Helper()
	p := &process{t: t, stderr: &bytes.Buffer{}, waited: make(chan error, 1)}
	args := append([]string{"local", "--data", dir, "--addr", "127.0.0.1:0"}, flags...)
	p.command = exec.Command(binary(t), args...)
	p.command.Stderr = p.stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	ready := bufio.NewReader(out)
	line, err := ready.ReadString('\n')
	go func() { p.waited <- p.command.Wait() }()
	if err != nil {
		p.kill()
		t.Fatalf("the platform did not get ready: %v\n%s", err, p.stderr)
	}
	p.URL = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	return p
}

// kill ends the process with SIGKILL. It may be called again.
func (p *process) kill() {
	if p.command == nil || p.command.Process == nil {
		return
	}
	_ = p.command.Process.Kill() // it may be gone already
	select {
	case err := <-p.waited:
		p.waited <- err
	case <-time.After(30 * time.Second):
		p.t.Error("the process does not end after SIGKILL")
	}
}

// terminate ends the process with SIGTERM and returns its error.
func (p *process) terminate() error {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	err := <-p.waited
	p.waited <- err
	return err
}

// reprise runs a client command against the process.
func (p *process) reprise(args ...string) (stdout string, err error) {
	return runClient(p.t.Context(), p.t, p.URL, nil, args...)
}

func runClient(ctx context.Context, t testing.TB, endpoint string, stdin []byte, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(ctx, binary(t), args...)
	command.Env = append(os.Environ(), "REPRISE_ENDPOINT="+endpoint)
	command.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("reprise %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}
