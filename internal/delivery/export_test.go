package delivery

import "time"

// Wait is wait for tests.
func (w *Worker) Wait(attempt int, err error) time.Duration { return w.wait(attempt, err) }
