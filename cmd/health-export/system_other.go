//go:build !linux

package main

// freeSpace returns how many bytes may still be written in a folder; known is false where the system does not say.
func freeSpace(string) (bytes int64, known bool) { return 0, false }

// clockIsKept reports whether something keeps the clock of the machine in time; true where the system does not say.
func clockIsKept() bool { return true }
