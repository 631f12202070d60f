package keyservice

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

// Service has a key for each alias that it is asked for. It is safe for concurrent use.
type Service struct {
	t     testing.TB
	mu    sync.Mutex
	boxes map[string]*subtle.AESSIV
}

// New makes a service without keys.
func New(t testing.TB) *Service { return &Service{t: t, boxes: make(map[string]*subtle.AESSIV)} }

func (s *Service) key(alias string) *subtle.AESSIV {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.boxes[alias] == nil {
		key := make([]byte, subtle.AESSIVKeySize)
		_, _ = rand.Read(key) // it never fails
		box, err := subtle.NewAESSIV(key)
		if err != nil {
			panic(err) // the length is right
		}
		s.boxes[alias] = box
	}
	return s.boxes[alias]
}

func bound(encryption map[string]string) []byte {
	text, _ := json.Marshal(encryption) // texts can be encoded, in the order of their names
	return text
}

// Encrypt encrypts under the key of an alias.
func (s *Service) Encrypt(
	_ context.Context, in *kms.EncryptInput, _ ...func(*kms.Options),
) (*kms.EncryptOutput, error) {
	out, err := s.key(*in.KeyId).EncryptDeterministically(in.Plaintext, bound(in.EncryptionContext))
	return &kms.EncryptOutput{CiphertextBlob: out}, err
}

// Decrypt decrypts what was encrypted under the same key, with the same context.
func (s *Service) Decrypt(
	_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options),
) (*kms.DecryptOutput, error) {
	out, err := s.key(*in.KeyId).DecryptDeterministically(in.CiphertextBlob, bound(in.EncryptionContext))
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{Plaintext: out}, nil
}

// request has the members of both operations.
type request struct {
	KeyID                     string `json:"KeyId"`
	Plaintext, CiphertextBlob []byte
	EncryptionContext         map[string]string
}

// ServeHTTP speaks the protocol of KMS.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.t.Errorf("KMS was sent no JSON: %v", err)
	}
	answer, status := map[string]any{}, http.StatusOK
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "TrentService.Encrypt":
		out, err := s.Encrypt(r.Context(), &kms.EncryptInput{
			KeyId: &in.KeyID, Plaintext: in.Plaintext, EncryptionContext: in.EncryptionContext})
		if err != nil {
			s.t.Errorf("encrypt: %v", err)
			return
		}
		answer["CiphertextBlob"] = out.CiphertextBlob
	case "TrentService.Decrypt":
		out, err := s.Decrypt(r.Context(), &kms.DecryptInput{
			KeyId: &in.KeyID, CiphertextBlob: in.CiphertextBlob, EncryptionContext: in.EncryptionContext})
		if err != nil {
			answer["__type"], status = "InvalidCiphertextException", http.StatusBadRequest
			break
		}
		answer["Plaintext"] = out.Plaintext
	default:
		s.t.Errorf("KMS was called with %q", target)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // it fails only if the client is gone
}
