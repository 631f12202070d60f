package personalkms

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/personal"
)

// Client is the calls of KMS that the wrapper makes; *kms.Client has them.
type Client interface {
	Encrypt(context.Context, *kms.EncryptInput, ...func(*kms.Options)) (*kms.EncryptOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// The encryption context: KMS opens a key only for the platform and the purpose that it
// was wrapped for, and CloudTrail shows both. A purpose names no data subject.
const (
	ContextPlatform = "reprise-platform"
	ContextPurpose  = "reprise-purpose"
)

// Wrapper implements personal.Wrapper with a key of KMS. It is safe for concurrent use.
type Wrapper struct {
	client          Client
	alias, platform string
}

var _ personal.Wrapper = (*Wrapper)(nil)

// New wraps with the key of an alias, such as alias/reprise-personal, for a platform. It
// makes no call.
func New(client Client, alias, platform string) *Wrapper { return &Wrapper{client, alias, platform} }

func (w *Wrapper) bound(purpose string) map[string]string {
	return map[string]string{ContextPlatform: w.platform, ContextPurpose: purpose}
}

// Wrap implements personal.Wrapper.
func (w *Wrapper) Wrap(ctx context.Context, key []byte, purpose string) ([]byte, error) {
	out, err := w.client.Encrypt(ctx, &kms.EncryptInput{
		KeyId: &w.alias, Plaintext: key, EncryptionContext: w.bound(purpose)})
	if err != nil {
		return nil, fmt.Errorf("encrypt with %s: %w", w.alias, err)
	}
	return out.CiphertextBlob, nil
}

// Unwrap implements personal.Wrapper.
func (w *Wrapper) Unwrap(ctx context.Context, wrapped []byte, purpose string) ([]byte, error) {
	out, err := w.client.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &w.alias, CiphertextBlob: wrapped, EncryptionContext: w.bound(purpose)})
	if awsclient.HasCode(err, "InvalidCiphertextException", "IncorrectKeyException") {
		return nil, fmt.Errorf("decrypt with %s: %w: %w", w.alias, personal.ErrUnwrap, err)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt with %s: %w", w.alias, err)
	}
	return out.Plaintext, nil
}
