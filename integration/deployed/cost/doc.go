// Package cost contains a scenario of a large log on a deployment. It measures the
// units of the services that it uses, and compares them with the table in
// stacks/COST.md. Package meter contains the prices.
package cost
