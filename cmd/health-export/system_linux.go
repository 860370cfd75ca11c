package main

import "syscall"

// freeSpace returns how many bytes may still be written in a folder; known is false where the system does not say.
func freeSpace(dir string) (bytes int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}

// clockSynchronised reports whether something keeps the clock of the machine in time (adjtimex(2)); true where the system does
// not say.
func clockSynchronised() bool {
	const timeError = 5 // the clock is not synchronised
	state, err := syscall.Adjtimex(&syscall.Timex{})
	return err != nil || state != timeError
}
