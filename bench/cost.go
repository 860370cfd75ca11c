package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"
)

// cost is what something took: by the clock, and of the processors, in this program (which is client and server) and in
// the processes of the database. Where others use the machine too, the clock tells more about them than about the work.
// Processor time that cannot be known is 0.
type cost struct{ wall, program, database time.Duration }

// measure says what it costs to do something with a database.
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

// measureHere says what it costs to do something that needs no database.
func measureHere(do func() error) (cost, error) {
	program, begin := usedHere(), time.Now()
	err := do()
	return cost{wall: time.Since(begin), program: usedHere() - program}, err
}

// usedBy returns the processor time that another process of one thread has used, as Linux tells it.
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

// processor is the processor time in this program, or the time by the clock where that is not known.
func processor(c cost) time.Duration { return cmp.Or(c.program, c.wall) }

// work is all the processor time, or the time by the clock where that is not known.
func work(c cost) time.Duration { return cmp.Or(c.program+c.database, c.wall) }

func wall(c cost) time.Duration     { return c.wall }
func program(c cost) time.Duration  { return c.program }
func database(c cost) time.Duration { return c.database }
