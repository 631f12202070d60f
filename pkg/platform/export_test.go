package platform

// Logged exports logged for tests.
func Logged[In worked, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
	return logged(p, step)
}
