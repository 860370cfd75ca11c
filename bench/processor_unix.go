//go:build unix

package main

import (
	"syscall"
	"time"
)

// usedHere returns the processor time of this process.
func usedHere() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
