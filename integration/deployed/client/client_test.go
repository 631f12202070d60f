package client

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/integration/deployed"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/cli"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// events are those of two accounts, one JSON object a line.
func events() string {
	var text strings.Builder
	for i := range 20 {
		kind, data := "account.deposited", `{"amount":1}`
		if i < 2 {
			kind, data = "account.opened", `{"owner":"Ada"}`
		}
		fmt.Fprintf(&text, `{"specversion":"1.0","id":"%d","source":"/t","type":"%s","subject":"account-%d",`+
			`"time":"2026-03-01T00:00:00Z","actor":"ann","data":%s}`+"\n", i, kind, i%2, data)
	}
	return text.String()
}

// shell runs commands against a deployment.
type shell struct {
	*testing.T
	// endpoint is given to every command with a profile; "" means that the environment
	// has the endpoint and the credentials.
	endpoint, profile string
}

// with is a shell that needs no environment of its own, so that tests may run side by side.
func with(t *testing.T, w *deployed.World) *shell {
	t.Helper()
	return &shell{T: t, endpoint: w.URL}
}

// as chooses the credentials of the commands to come.
func (s *shell) as(groups ...string) {
	s.Helper()
	if s.endpoint != "" {
		s.profile = profile(groups)
		return
	}
	key := deployed.Key(groups...)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey,
		"AWS_SESSION_TOKEN": key.SessionToken, "AWS_REGION": "us-east-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull,
	} {
		s.Setenv(name, value)
	}
}

// run runs a command, whose requests are signed.
func (s *shell) run(args ...string) (code int, stdout, stderr string) {
	s.Helper()
	var out, errs bytes.Buffer
	if !slices.Contains(args, "--auth") {
		args = append(args, "--auth", "aws")
	}
	if s.endpoint != "" {
		args = append(args, "--endpoint", s.endpoint, "--profile", s.profile)
	}
	code = cli.Main(s.Context(), args, os.Getenv, strings.NewReader(events()), &out, &errs)
	return code, out.String(), errs.String()
}

// TestEveryClientCommandReachesADeployment runs each command with the managed policies
// of its group alone, and then with those of the other groups, which must not be enough.
func TestEveryClientCommandReachesADeployment(t *testing.T) {
	w := deployed.New(t)
	s := &shell{T: t}
	t.Setenv("REPRISE_ENDPOINT", w.URL)
	t.Setenv("REPRISE_TOKEN", "")
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, []byte(events()), 0o600); err != nil {
		t.Fatal(err)
	}
	poison := filepath.Join(t.TempDir(), "poison.jsonl")
	if err := os.WriteFile(poison, []byte(unopened), 0o600); err != nil {
		t.Fatal(err)
	}
	s.tryEach([]try{
		{"produce", "send " + file, `"accepted":20`},
		{"produce", "send -", `"accepted":20`},
		{"produce audit", "send " + file + " --wait", `"applied":true`},
		{"operate audit", "send " + file + " --keep-time", `"accepted":20`},
		{"audit", "status", "CONSUMER"},
		{"audit", "state get account-0", `"balance": 9`},
		{"audit", "state export", `"entity":"account-1"`},
		{"audit", "events account-1", `"id":"19"`},
		{"trace", "state get account-0 --at 2199-01-01T00:00:00Z", `"balance": 9`},
		{"trace", "events account-1 --explain", "/balance: 8 → 9"},
		{"trace", "diff account-1 2199-01-01T00:00:00Z 2199-01-01T00:00:00Z --json", `"changed":0`},
		{"trace", "audit --actor ann --from 2026-03-01T00:00:00Z", "account-1"},
		{"operate", "replay start --name part --type account.opened --parallelism 2", "replay part is"},
		{"audit", "replay watch part", "SUCCEEDED"},
		{"audit", "replay get part", "complete"},
		{"audit", "replay list", "part"},
		{"produce audit", "send " + poison + " --wait", `"parked":1`},
		{"audit", "parked list", "the account is not open"},
		{"audit", "quarantine list", "DETAIL"},
	})
	s.lookedAreLogged(w)
	s.as("audit")
	_, list, _ := s.run("parked", "list", "--json")
	_, at, _ := strings.Cut(list, `"position":"`)
	at, _, _ = strings.Cut(at, `"`)
	s.tryEach([]try{{"correct", "parked skip closed --reason test --event " + at, `"position":`}})
	localtest.Until(w, "/entities/"+web.EncodeEntity("closed"), func(v entities.View) bool { return v.Skipped == 1 })
	s.tryEach([]try{
		{"audit", "repair --type account.opened --dry-run", "account-1"},
		{"correct audit", "repair --entity account-0 --reason test --request r --yes --wait", "1 entity folded again"},
		{"correct audit", "repair --entity account-0 --reason test --request r --yes --wait", "1 entity asked for before"},
		{"audit", "state get account-0", `"balance": 9`},
		{"correct", "reverse account-1 --source /t --id 3 --reason test --dry-run", "account.withdrawn"},
		{"correct audit", "reverse account-1 --source /t --id 3 --reason test --wait", `"balance": 8`},
		{"correct audit", "reverse only --source /t --id 9 --reason test --wait", "1 events skipped by 1 corrections"},
		{"operate audit", "state wipe --yes", "is empty"},
		{"operate audit", "replay start --name all --rebuild --promote --wait", "SUCCEEDED"},
		{"audit", "state get closed", "1 events skipped by 1 corrections"},
		{"audit", "state get closed", `"balance": 1`},
		{"audit", "state get account-1", `"balance": 8`},
		{"audit", "state get only", "1 events skipped by 1 corrections"},
	})
	s.mayErase()
	s.isForked(filepath.Join(t.TempDir(), "fork"))
	s.as("operate")
	if code, out, errs := s.run("replay", "cancel", "part"); code != 1 || !strings.Contains(errs, "has ended") {
		t.Errorf("cancel: exit %d\n%s%s", code, out, errs)
	}
	s.as("audit")
	s.findsTheEndpoint(w.URL)
	s.isRefused()
}

// mayErase asks to erase, which the platform understands only with the policy of the group:
// it has no personal fields.
func (s *shell) mayErase() {
	s.Helper()
	for group, want := range map[string]string{"erase": "nothing was ever sealed", "operate": "PREFIX-erase-REGION"} {
		s.as(group)
		code, out, errs := s.run("erase", "account-0", "--reason", "test", "--yes")
		if code != 1 || !strings.Contains(errs, want) {
			s.Errorf("erase as %s: exit %d\n%s%s", group, code, out, errs)
		}
	}
}

// unopened are a deposit that parks its account, events that wait for it, and an account
// whose opening is reversed.
const unopened = `{"specversion":"1.0","id":"1","source":"/t","type":"account.deposited","subject":"closed",` +
	`"data":{"amount":1}}
{"specversion":"1.0","id":"2","source":"/t","type":"account.opened","subject":"closed","data":{"owner":"Ada"}}
{"specversion":"1.0","id":"3","source":"/t","type":"account.deposited","subject":"closed","data":{"amount":1}}
{"specversion":"1.0","id":"9","source":"/t","type":"account.opened","subject":"only","data":{"owner":"Ada"}}
`

// try is a command, the groups whose policies it needs, and what it prints.
type try struct{ needs, args, want string }

// tryEach runs each command as described at TestEveryClientCommandReachesADeployment.
func (s *shell) tryEach(commands []try) {
	s.Helper()
	t := s.T
	for _, c := range commands {
		needs := strings.Fields(c.needs)
		for _, lacks := range needs {
			var others []string
			for _, group := range groups() {
				if group != lacks {
					others = append(others, group)
				}
			}
			s.as(others...)
			// An import asks how to divide its lines, and does without an answer.
			if strings.Contains(c.args, "--keep-time") && lacks == "audit" {
				continue
			}
			failed := 1
			if strings.HasPrefix(c.args, "diff ") {
				failed = 2 // as diff exits
			}
			if code, out, errs := s.run(strings.Fields(c.args)...); code != failed ||
				!strings.Contains(errs, "the server answered 403 Forbidden") ||
				!strings.Contains(errs, "hint: the signature was not accepted: check --region and --profile") {
				t.Errorf("reprise %s as %v: exit %d\n%s%s", c.args, others, code, out, errs)
			}
		}
		s.as(needs...)
		if code, out, errs := s.run(strings.Fields(c.args)...); code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("reprise %s as %v: exit %d\n%s%s", c.args, needs, code, out, errs)
		}
	}
}

// lookedAreLogged finds in the log of the function who has looked into the past, and none
// of what was seen.
func (s *shell) lookedAreLogged(w *deployed.World) {
	s.Helper()
	logged := w.Host.Output(w.Name("serve-api"))
	who := deployed.CallerARN(deployed.Key("trace").AccessKeyID)
	for _, what := range []string{"state", "explain", "diff", "audit"} {
		want := fmt.Sprintf(`"what":%q,"who":%q`, what, who)
		if !strings.Contains(logged, want) {
			s.Errorf("serve-api has not logged %s:\n%s", want, logged)
		}
	}
	if strings.Contains(logged, "Ada") {
		s.Errorf("serve-api has logged data:\n%s", logged)
	}
}

// isForked copies the deployment's log, and that of one account, to this machine: a
// developer needs the policy for that, and no other. What was exported can be sent back.
func (s *shell) isForked(dir string) {
	s.Helper()
	file := dir + ".zst"
	s.tryEach([]try{
		{"export", "export --out " + file, `"content":`},
		{"export", "fork --entity closed --into " + dir, `"events":4`},
		{"operate audit", "import " + file, `"arrived":`},
	})
	p := localtest.Start(s.T, local.Options{Dir: dir, Lanes: deployed.Lanes})
	row := p.Rows("", deployed.Lanes)["closed"]
	if string(row.State) == "" || row.Skipped != 1 || row.Parked != nil || row.Count != 2 {
		s.Errorf("forked: %+v", row)
	}
}

// findsTheEndpoint reads the stack's output instead of $REPRISE_ENDPOINT.
func (s *shell) findsTheEndpoint(endpoint string) {
	s.Helper()
	stacks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
			<DescribeStacksResult><Stacks><member><StackName>reprise-ingest</StackName>
			<CreationTime>2026-03-01T00:00:00Z</CreationTime>
			<StackStatus>CREATE_COMPLETE</StackStatus>
			<Outputs><member><OutputKey>endpoint</OutputKey><OutputValue>%s</OutputValue></member>
			</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, endpoint)
	}))
	defer stacks.Close()
	s.Setenv("REPRISE_ENDPOINT", "")
	s.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", stacks.URL)
	if code, out, errs := s.run("status", "--region", "us-east-1"); code != 0 || !strings.Contains(out, "CONSUMER") {
		s.Errorf("status --region: exit %d\n%s%s", code, out, errs)
	}
	s.Setenv("REPRISE_ENDPOINT", endpoint)
}

// isRefused sends what API Gateway does not accept.
func (s *shell) isRefused() {
	s.Helper()
	if code, _, errs := s.run("status", "--region", "eu-west-1"); code != 1 ||
		!strings.Contains(errs, "check --region and --profile") {
		s.Errorf("signed for another region: exit %d\n%s", code, errs)
	}
	s.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if code, _, errs := s.run("status"); code != 1 || !strings.Contains(errs, "403 Forbidden") {
		s.Errorf("signed with another secret: exit %d\n%s", code, errs)
	}
	if code, _, errs := s.run("status", "--auth", "none"); code == 0 {
		s.Errorf("unsigned: exit %d\n%s", code, errs)
	}
}
