package engines

// Lacking answers the operations that dynalite does not have and that change nothing
// which a test reads; ok is false for all others.
func Lacking(operation string) (body []byte, ok bool) {
	return []byte("{}"), operation == "UpdateContinuousBackups"
}
