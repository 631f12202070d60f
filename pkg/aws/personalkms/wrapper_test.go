package personalkms_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"reprise/integration/engines"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/personalkms"
	"reprise/pkg/event"
	"reprise/pkg/personal"
	"reprise/pkg/personal/personaltest"
	"reprise/pkg/personal/sealed"
)

// service does what KMS documents: it opens a ciphertext only under the key and with the
// encryption context of its encryption.
type service struct {
	boxes map[string]*subtle.AESSIV
	fails error
}

func newService(t *testing.T, aliases ...string) *service {
	t.Helper()
	s := &service{boxes: make(map[string]*subtle.AESSIV)}
	for _, alias := range aliases {
		key := make([]byte, 64)
		if _, err := rand.Read(key); err != nil {
			t.Fatal(err)
		}
		box, err := subtle.NewAESSIV(key)
		if err != nil {
			t.Fatal(err)
		}
		s.boxes[alias] = box
	}
	return s
}

func bound(t map[string]string) []byte {
	text, _ := json.Marshal(t) // sorted
	return text
}

func (s *service) Encrypt(_ context.Context, in *kms.EncryptInput, _ ...func(*kms.Options)) (*kms.EncryptOutput,
	error) {
	if s.fails != nil {
		return nil, s.fails
	}
	out, err := s.boxes[*in.KeyId].EncryptDeterministically(in.Plaintext, bound(in.EncryptionContext))
	return &kms.EncryptOutput{CiphertextBlob: out}, err
}

func (s *service) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput,
	error) {
	if s.fails != nil {
		return nil, s.fails
	}
	out, err := s.boxes[*in.KeyId].DecryptDeterministically(in.CiphertextBlob, bound(in.EncryptionContext))
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{Plaintext: out}, nil
}

func TestConformance(t *testing.T) {
	s := newService(t, "alias/a-personal", "alias/b-personal")
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
	s := newService(t, "alias/a")
	s.fails = &types.KMSInternalException{}
	w := personalkms.New(s, "alias/a", "a")
	if _, err := w.Wrap(t.Context(), make([]byte, 64), "p"); !errors.Is(err, s.fails) {
		t.Errorf("wrap: %v", err)
	}
	if _, err := w.Unwrap(t.Context(), make([]byte, 64), "p"); !errors.Is(err, s.fails) ||
		errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("unwrap: %v", err)
	}
}

// speak serves the service by its protocol, so that the calls of the SDK's own client are
// tested, with the errors that it makes of answers.
func speak(t *testing.T, s *service) *kms.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyID                     string `json:"KeyId"`
			Plaintext, CiphertextBlob []byte
			EncryptionContext         map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		answer := map[string]any{}
		switch r.Header.Get("X-Amz-Target") {
		case "TrentService.Encrypt":
			out, err := s.Encrypt(r.Context(), &kms.EncryptInput{KeyId: &in.KeyID, Plaintext: in.Plaintext,
				EncryptionContext: in.EncryptionContext})
			if err != nil {
				t.Error(err)
			}
			answer["CiphertextBlob"] = out.CiphertextBlob
		case "TrentService.Decrypt":
			out, err := s.Decrypt(r.Context(), &kms.DecryptInput{KeyId: &in.KeyID, CiphertextBlob: in.CiphertextBlob,
				EncryptionContext: in.EncryptionContext})
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				answer["__type"] = "InvalidCiphertextException"
				break
			}
			answer["Plaintext"] = out.Plaintext
		default:
			t.Errorf("called %s", r.Header.Get("X-Amz-Target"))
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return kms.New(kms.Options{Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
}

func TestOverTheWire(t *testing.T) {
	s := newService(t, "alias/a-personal", "alias/b-personal")
	client := speak(t, s)
	personaltest.RunWrapper(t, personalkms.New(client, "alias/a-personal", "a"),
		personalkms.New(client, "alias/b-personal", "b"))
}

// TestAVaultAsDeployed seals, reveals and erases with the table of DynamoDB and KMS, each by
// its protocol.
func TestAVaultAsDeployed(t *testing.T) {
	s := newService(t, "alias/a-personal")
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
