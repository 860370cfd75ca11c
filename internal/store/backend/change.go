package backend

import (
	"math"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// Metric is what a store knows of a metric in one unit.
type Metric interface {
	comparable
	Name() store.Series
}

// Change is what a batch changes of one metric.
type Change[M Metric] struct {
	aggregate.Changes
	// Days are the days to be summed up anew; Dates of it is set by SummaryUpdater.Update.
	Days Days[M]

	// ReadBack says that what is stored differs from what the batch has: its days must be read.
	ReadBack bool
	removed  bool // a sample was, perhaps one that the batch has

	replacedStart health.Instant // of the replaced samples as they were, the latest
	sent          health.Sample
}

// NewChange returns a Change that changes nothing yet.
func NewChange[M Metric](metric M) *Change[M] {
	return &Change[M]{Days: Days[M]{Metric: metric}, replacedStart: math.MinInt64}
}

// Insert takes note of a sample that is not stored, which is to be written and must stay as it is.
func (c *Change[M]) Insert(sample *health.Sample) health.Outcome {
	c.See(sample)
	return health.Inserted
}

// Compare decides what becomes of a sample of a body, given the stored one with its key. It returns the sample to be written, which
// is a new one, or nil where nothing is. keepSource reports that a summary whose source is no part of its key keeps the
// stored source: the stored one was received later.
func (c *Change[M]) Compare(body store.Body, sent, stored *health.Sample) (outcome health.Outcome, write *health.Sample, keepSource bool) {
	c.sent = *sent // Replaces completes it, and the batch is the caller's
	keepSource = c.sent.Order < stored.Order
	outcome, rewrite := c.sent.Replaces(stored)
	if order := stored.Order; !rewrite && !body.Raise(&order, c.sent.Order) {
		return outcome, nil, keepSource
	}
	completed := c.sent
	c.See(&completed)
	c.Touch(stored)
	c.replacedStart = max(c.replacedStart, stored.Start)
	return outcome, &completed, keepSource
}

// Remove takes note of a stored sample that is removed because another one restates it.
func (c *Change[M]) Remove(stored *health.Sample) {
	c.Touch(stored)
	c.ReadBack, c.removed = true, true
}
