// Command health-export is the server and its tools: one binary, one file per command.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // containers have no time zone database
)

func main() {
	if os.Getenv("GOGC") == "" {
		// Small machines lack memory. Collecting twice as often costs about 1 % of an ingest.
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], environment(os.Environ()), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
