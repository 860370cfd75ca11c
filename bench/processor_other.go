//go:build !unix

package main

import "time"

// usedHere returns 0: processor time is not known on this platform.
func usedHere() time.Duration { return 0 }
