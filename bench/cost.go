package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// cost is what something took: by the clock, and of the processors, in this program (which is client and server) and in
// the processes of the database. Where others use the machine too, the clock tells more about them than about the work;
// processor time is known on Linux, and 0 elsewhere.
type cost struct{ wall, program, database time.Duration }

// measure says what it costs to do something with a database.
func measure(ctx context.Context, e engine, address string, do func() error) (cost, error) {
	before, err := e.processes(ctx, address)
	if err != nil {
		return cost{}, err
	}
	program, begin := usedBy("self"), time.Now()
	if err := do(); err != nil {
		return cost{}, err
	}
	c := cost{wall: time.Since(begin), program: usedBy("self") - program}
	after, err := e.processes(ctx, address)
	for process, used := range after {
		c.database += used - before[process]
	}
	return c, err
}

// usedBy returns the processor time that the threads of a process have used.
func usedBy(process string) (used time.Duration) {
	threads, _ := filepath.Glob("/proc/" + process + "/task/*/schedstat")
	for _, thread := range threads {
		var nanoseconds int64
		if content, err := os.ReadFile(thread); err == nil {
			_, _ = fmt.Sscan(string(content), &nanoseconds)
		}
		used += time.Duration(nanoseconds)
	}
	return used
}

// costs are those of several rounds.
type costs []cost

func (c costs) of(figure func(cost) time.Duration) (seconds spread) {
	for _, one := range c {
		seconds = append(seconds, figure(one).Seconds())
	}
	return seconds
}

func wall(c cost) time.Duration     { return c.wall }
func program(c cost) time.Duration  { return c.program }
func database(c cost) time.Duration { return c.database }
