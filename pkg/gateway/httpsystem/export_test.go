package httpsystem

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust has a System trust the certificate of a test's server.
func (s *System) Trust(roots *x509.CertPool) {
	for _, c := range []*http.Client{s.pooled, s.fresh} {
		c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	}
}
