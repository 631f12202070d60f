package platform

// Told is told.
func Told[In worked, Out any](p *Platform, step Step[In, Out]) Step[In, Out] { return told(p, step) }
