package personalkms_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"reprise/integration/engines"
	"reprise/integration/keyservice"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/personalkms"
	"reprise/pkg/event"
	"reprise/pkg/personal"
	"reprise/pkg/personal/personaltest"
	"reprise/pkg/personal/sealed"
)

// failing is a client whose every call fails.
type failing struct{ err error }

func (f failing) Encrypt(context.Context, *kms.EncryptInput, ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	return nil, f.err
}

func (f failing) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return nil, f.err
}

func TestConformance(t *testing.T) {
	s := keyservice.New(t)
	personaltest.RunWrapper(t, personalkms.New(s, "alias/a-personal", "a"), personalkms.New(s, "alias/b-personal", "b"))
	// Another platform that may use the same key cannot open what is not its own.
	w, other := personalkms.New(s, "alias/a-personal", "a"), personalkms.New(s, "alias/a-personal", "c")
	closed, err := w.Wrap(t.Context(), make([]byte, 64), "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Unwrap(t.Context(), closed, "p"); !errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("another platform: %v", err)
	}
}

// TestAFaultIsNoWrongKey: a retry may help.
func TestAFaultIsNoWrongKey(t *testing.T) {
	s := failing{&types.KMSInternalException{}}
	w := personalkms.New(s, "alias/a", "a")
	if _, err := w.Wrap(t.Context(), make([]byte, 64), "p"); !errors.Is(err, s.err) {
		t.Errorf("wrap: %v", err)
	}
	if _, err := w.Unwrap(t.Context(), make([]byte, 64), "p"); !errors.Is(err, s.err) ||
		errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("unwrap: %v", err)
	}
}

// speak returns the SDK's own client of a service.
func speak(t *testing.T, s http.Handler) *kms.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return kms.New(kms.Options{Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
}

func TestOverTheWire(t *testing.T) {
	s := keyservice.New(t)
	client := speak(t, s)
	personaltest.RunWrapper(t, personalkms.New(client, "alias/a-personal", "a"),
		personalkms.New(client, "alias/b-personal", "b"))
}

// TestAVaultAsDeployed seals, reveals and erases with the table of DynamoDB and KMS, each by
// its protocol.
func TestAVaultAsDeployed(t *testing.T) {
	s := keyservice.New(t)
	wrapper := personalkms.New(speak(t, s), "alias/a-personal", "a")
	table := controldynamo.New(engines.DynamoDB(t, nil), controldynamo.Options{
		Table: engines.Table(t), Pace: engines.Pace(), Random: rand.Reader})
	process := func() *personal.Vault {
		v, err := personal.New(personal.Config{Rules: sealed.Rules{"it.happened": {Fields: []string{"/name"}}},
			Keys: &personal.TableKeys{Table: table}, Wrapper: wrapper, Now: time.Now, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	load, api := process(), process()
	e := &event.Event{ID: "1", Source: "s", Type: "it.happened", Subject: "ann", Data: `{"name":"Ada"}`}
	if err := load.Seal(t.Context(), []*event.Event{e}, false); err != nil {
		t.Fatal(err)
	}
	reads := func(want string) {
		t.Helper()
		if got, err := process().Reveal(t.Context(), []byte(e.Data)); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s, %v", got, err)
		}
	}
	reads(`{"name":"Ada"}`)
	if _, err := api.Erase(t.Context(), "ann", personal.Erasure{Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
	reads(`{"name":{"$erased":true,"at":"`)
	docs, err := table.List(t.Context(), "personal-keys#"+sealed.Places([]byte(e.Data))[0].Value.Ref.String()[:2], "", 10)
	if err != nil || len(docs) == 0 {
		t.Fatalf("%v, %v", docs, err)
	}
	for _, doc := range docs {
		if strings.Contains(string(doc.Body), `"erasures"`) && strings.Contains(string(doc.Body), `"key"`) {
			t.Errorf("the row of an erased subject has a key: %s", doc.Body)
		}
	}
}

// TestKeysInDynamoDB: the store of keys, as it is deployed.
func TestKeysInDynamoDB(t *testing.T) {
	name := engines.Table(t)
	open := func(t *testing.T) personal.Keys {
		return &personal.TableKeys{Table: controldynamo.New(engines.DynamoDB(t, nil), controldynamo.Options{
			Table: name, Pace: engines.Pace(), Random: rand.Reader})}
	}
	personaltest.Run(t, open, personaltest.Features{
		Reopen: func(t *testing.T, _ personal.Keys) personal.Keys { return open(t) }})
}
