package crash

import (
	"bufio"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/integration/programs"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// start starts a command that runs a platform, and returns its address.
func start(t *testing.T, command *exec.Cmd) (url string) {
	t.Helper()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the platform did not get ready: %v", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "ready "))
}

// TestServerEndsWithGoTool: the user sees only the process of go tool.
func TestServerEndsWithGoTool(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("go tool builds the command")
	}
	wrapper := exec.Command("go", "tool", "reprise", "local", "--data", t.TempDir(), "--addr", "127.0.0.1:0")
	wrapper.Dir = programs.Root()
	url := start(t, wrapper)
	if err := wrapper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		resp, err := http.Get(url + "/status")
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		<-tick.C
	}
	t.Error("the server goes on without go tool")
}

// TestFewFileDescriptorsEndNoProcess holds more connections open than the process
// may have files, while it accepts events and rebuilds.
func TestFewFileDescriptorsEndNoProcess(t *testing.T) {
	t.Parallel()
	d := datasets.Litestream(t)
	command := exec.Command("sh", "-c", `ulimit -n 256; exec "$0" local --data "$1" --addr 127.0.0.1:0`,
		process.Binary(t), t.TempDir())
	url := start(t, command)
	c := &localtest.Client{T: t, URL: url}
	c.Send("/events", d.Lines[:1000])
	c.Settle(1000)
	var idle []net.Conn
	for range 300 {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
		if err != nil {
			break // its queue is full
		}
		idle = append(idle, conn)
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	c.Stubborn = true
	for i := 1000; i < len(d.Lines); i += 200 {
		c.Send("/events", d.Lines[i:min(i+200, len(d.Lines))])
	}
	c.Settle(int64(len(d.Lines)))
	if got := c.Replay("few", `{"rebuild":true,"promote":true}`); got.Status != replay.Succeeded {
		t.Errorf("rebuild: %s %+v", got.Status, got.Failure)
	}
	d.Judge(t, "with few files", c.Rows("", 64))
}
