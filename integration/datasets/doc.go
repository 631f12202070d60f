// Package datasets contains real event logs and the state that Git computes for
// them, and tests the platform with them: live, rebuilt, sent twice, imported.
package datasets
