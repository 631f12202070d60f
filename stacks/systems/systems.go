package systems

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
)

const (
	// maxSystems bounds the external systems, and maxSystemsBytes their addresses: Lambda
	// allows 4 KiB for all variables of a function.
	maxSystems      = 32
	maxSystemsBytes = 3 << 10
)

var systemName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// Check checks the addresses of external systems by the rules of the package
// settings, which reads them; a test compares the two. No error repeats an address, which
// may hold a secret.
func Check(value string) error {
	var endpoints map[string]string
	if len(value) > maxSystemsBytes {
		return fmt.Errorf("it has more than %d bytes", maxSystemsBytes)
	}
	if json.Unmarshal([]byte(value), &endpoints) != nil || len(endpoints) > maxSystems {
		return fmt.Errorf("want an object of at most %d names and URLs", maxSystems)
	}
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if !systemName.MatchString(name) {
			return errors.New("the name of a system is of lower-case letters, digits, dots and hyphens, at most 64")
		}
		if err := checkEndpoint(endpoints[name]); err != nil {
			return fmt.Errorf("system %s: %w", name, err)
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "" || len(endpoint) > 1024:
		return errors.New("its address is no URL")
	case u.User != nil:
		return errors.New("its address has credentials, which belong into an adapter of one's own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || endpoint[len(endpoint)-1] == '#':
		return errors.New("its address has a query or a fragment")
	case u.Scheme == "https":
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
		return nil // of tests
	}
	return errors.New("its address is not https")
}
