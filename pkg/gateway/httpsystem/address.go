package httpsystem

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"reprise/pkg/gateway"
)

// ErrAddress says that the address of a system cannot be used. The error never repeats the
// address, which may hold a secret.
var ErrAddress = errors.New("the address of the system cannot be used")

const (
	// maxSystems bounds the systems of a deployment, and maxAddress the bytes of an address.
	maxSystems = 32
	maxAddress = 1024
)

// parse returns an endpoint's URL.
func parse(endpoint string) (*url.URL, error) {
	if len(endpoint) > maxAddress {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrAddress, maxAddress)
	}
	u, err := url.Parse(endpoint)
	if err != nil { // its text has the address
		return nil, fmt.Errorf("%w: it is no URL", ErrAddress)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: it begins with neither https:// nor http://", ErrAddress)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w: it names no host", ErrAddress)
	case u.User != nil:
		return nil, fmt.Errorf("%w: it has credentials, which belong into an adapter of one's own", ErrAddress)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(endpoint, "#"):
		return nil, fmt.Errorf("%w: it has a query or a fragment", ErrAddress)
	}
	return u, nil
}

// Check says whether an address serves as that of a system of a name. It returns ErrAddress.
func Check(name, endpoint string) error {
	if !gateway.IsName(name) {
		return fmt.Errorf("%w: a system's name is of lower-case letters, digits, dots and hyphens, at most 64", ErrAddress)
	}
	if _, err := parse(endpoint); err != nil {
		return fmt.Errorf("system %s: %w", name, err)
	}
	return nil
}

// IsPrivate reports whether nobody on the way to an address can read along: it is https, or
// on a loopback address.
func IsPrivate(endpoint string) bool {
	u, err := parse(endpoint)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// Endpoints reads addresses by name from a JSON object. It returns ErrAddress, with the
// names of those that are wrong.
func Endpoints(object string) (map[string]string, error) {
	var endpoints map[string]string
	if err := json.Unmarshal([]byte(object), &endpoints); err != nil { // its text has the address
		return nil, fmt.Errorf("%w: want a JSON object of names and URLs", ErrAddress)
	}
	if len(endpoints) > maxSystems {
		return nil, fmt.Errorf("%w: there are more than %d systems", ErrAddress, maxSystems)
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		wrong = append(wrong, Check(name, endpoints[name]))
	}
	return endpoints, errors.Join(wrong...)
}

// Systems makes a System for each address by name. It makes no connection, and returns
// ErrAddress, with the names of those that are wrong.
func Systems(endpoints map[string]string) (gateway.Systems, error) {
	systems := make(gateway.Systems, len(endpoints))
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if err := Check(name, endpoints[name]); err != nil {
			wrong = append(wrong, err)
			continue
		}
		system, err := New(endpoints[name])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("system %s: %w", name, err))
			continue
		}
		systems[name] = system
	}
	return systems, errors.Join(wrong...)
}
