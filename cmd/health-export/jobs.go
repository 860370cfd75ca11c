package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/health-export/health-export/internal/job"
)

// jobs returns the periodic tasks of a server: the one table of them all. A task whose condition is false does not run
// with these settings.
func (p *program) jobs(c *components) []job.Task {
	const always = true
	const day = 24 * time.Hour
	archiveDays, auditDays := p.settings.archiveDays, p.settings.auditDays
	cached := c.cache.responses != nil
	watch, shared := newWriteWatch(c.store, c.cache.responses)
	table := []struct {
		enabled bool
		job.Task
	}{
		{always, job.Task{Name: "resume_ingestions", Every: 5 * time.Second, Run: c.ingest.Resume}},
		{always, job.Task{Name: "rebuild_summaries", Every: 5 * time.Second, AtStart: true, Exclusive: true, Run: c.summaries.RebuildStale}},
		{always, job.Task{Name: "notice_revoked_keys", Every: time.Second, AtStart: true, Run: c.authenticator.PollRevocations}},
		{always, job.Task{Name: "write_key_use", Every: 15 * time.Second, Run: c.authenticator.FlushLastUsed}},
		{always, job.Task{Name: "write_audit_log", Every: 2 * time.Second, Run: c.audit.Flush}},
		{always, job.Task{Name: "count_backlog", Every: 5 * time.Second, AtStart: true, Run: c.ingest.CountBacklog}},
		{always, job.Task{Name: "count_active_users", Every: 5 * time.Minute, AtStart: true, Run: c.ingest.CountActiveUsers}},
		{always, job.Task{Name: "deliver_messages", Every: time.Second, Run: c.deliveries.Run}},
		{always, job.Task{Name: "count_messages", Every: time.Minute, AtStart: true, Run: c.deliveries.CountBacklog}},
		{always, job.Task{Name: "drop_old_messages", Every: day, AtStart: true, Exclusive: true, Run: c.deliveries.DropOld}},
		// On every instance: each learns by it which partitions there are, and reports how far they reach.
		{always, job.Task{Name: "prepare_store", Every: day, AtStart: true, Run: func(ctx context.Context) error {
			return c.store.Prepare(ctx, time.Now())
		}}},
		{cached, job.Task{Name: "refresh_trust", Every: 500 * time.Millisecond, AtStart: true, Run: c.cache.responses.Refresh}},
		{cached && shared, job.Task{Name: "notice_foreign_writes", Every: time.Second, AtStart: true, Run: watch.run}},
		{archiveDays > 0, job.Task{Name: "drop_old_archive", Every: day, AtStart: true, Exclusive: true, Run: func(ctx context.Context) error {
			return c.store.DropArchiveBefore(ctx, time.Now().AddDate(0, 0, -archiveDays))
		}}},
		{auditDays > 0, job.Task{Name: "drop_old_audit_log", Every: day, AtStart: true, Exclusive: true, Run: func(ctx context.Context) error {
			return c.store.DropAuditBefore(ctx, time.Now().AddDate(0, 0, -auditDays))
		}}},
	}
	var tasks []job.Task
	for _, row := range table {
		if row.enabled {
			tasks = append(tasks, row.Task)
		}
	}
	return tasks
}

// startJobs runs the periodic tasks until stop is called. done receives a value when all of them have returned.
func (p *program) startJobs(c *components, logger *slog.Logger) (done <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	runner := job.NewRunner(logger, c.registry, c.tracer)
	if !c.store.Capabilities().SingleServer {
		runner.UseLeases(c.store)
	}
	result := make(chan error, 1)
	tasks := p.jobs(c)
	runner.Prepare(tasks...)
	go func() { result <- runner.Run(ctx, tasks...) }()
	return result, cancel
}
