package main

import "syscall"

// freeSpace returns how many bytes may still be written in a directory; known is false where the system does not report
// it.
func freeSpace(dir string) (bytes int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}

// clockSynchronised reports whether the clock of the machine is synchronised (adjtimex(2)); true where the system does
// not report it.
func clockSynchronised() bool {
	const timeError = 5 // the clock is not synchronised
	state, err := syscall.Adjtimex(&syscall.Timex{})
	return err != nil || state != timeError
}
