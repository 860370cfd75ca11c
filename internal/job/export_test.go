package job

import "time"

// SetLeaseDuration makes leases lapse after d, for tests that wait for it.
func (r *Runner) SetLeaseDuration(d time.Duration) { r.holder.duration = d }
