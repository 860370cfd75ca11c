package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"
)

// cost is the time that something took: by the clock, and processor time of this program (which is client and server)
// and of the processes of the database. On a shared machine the clock depends more on the other load than on the work.
// Processor time that is not known is 0.
type cost struct{ wall, program, database time.Duration }

// measure returns the cost of do, which uses a database.
func measure(ctx context.Context, e engine, address string, do func() error) (cost, error) {
	before, err := e.processes(ctx, address)
	if err != nil {
		return cost{}, err
	}
	c, err := measureHere(do)
	if err != nil {
		return c, err
	}
	after, err := e.processes(ctx, address)
	for process, used := range after {
		c.database += used - before[process]
	}
	return c, err
}

// measureHere returns the cost of do in this program.
func measureHere(do func() error) (cost, error) {
	program, begin := usedHere(), time.Now()
	err := do()
	return cost{wall: time.Since(begin), program: usedHere() - program}, err
}

// usedBy returns the processor time of another process with one thread, as Linux reports it.
func usedBy(process int) time.Duration {
	var nanoseconds int64
	if content, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", process)); err == nil {
		_, _ = fmt.Sscan(string(content), &nanoseconds)
	}
	return time.Duration(nanoseconds)
}

// costs are those of several rounds.
type costs []cost

func (c costs) of(figure func(cost) time.Duration) (seconds measurements) {
	for _, one := range c {
		seconds = append(seconds, figure(one).Seconds())
	}
	return seconds
}

// processor returns the processor time of this program, or the time by the clock where that is not known.
func processor(c cost) time.Duration { return cmp.Or(c.program, c.wall) }

// work returns the processor time of program and database, or the time by the clock where that is not known.
func work(c cost) time.Duration { return cmp.Or(c.program+c.database, c.wall) }

func wall(c cost) time.Duration     { return c.wall }
func program(c cost) time.Duration  { return c.program }
func database(c cost) time.Duration { return c.database }
