package personalkms_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"reprise/integration/engines"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/personalkms"
	"reprise/pkg/personal"
	"reprise/pkg/personal/personaltest"
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
