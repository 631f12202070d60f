package outside

import (
	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
)

// Systems returns the external systems by name, for the functions that need them and for
// the platform on one machine. The endpoints are those of the settings (REPRISE_SYSTEMS, or
// reprise local --system), by name; env reads the environment, for an adapter that finds
// its credentials there. It makes no connection. An error stops the process.
//
// To reach a system by an adapter of your own, put it into this folder, and its line in
// here:
//
//	systems["payments"] = newPayments(endpoints["payments"], env("PAYMENTS_SECRET"))
func Systems(endpoints map[string]string, _ func(string) string) (gateway.Systems, error) {
	systems, err := httpsystem.Systems(endpoints)
	if err != nil {
		return nil, err
	}
	return systems, nil
}
