package ingest

import "github.com/health-export/health-export/internal/health"

// compoundElement is an element with several samples, which is counted once.
//
// It is new where the sample that speaks for it is: the first by the name of its metric that no other element of the body
// has told of. Two imports of one file that run side by side each store some of an element's samples; the one that stored
// this sample has inserted the element, and for the other it is updated.
type compoundElement struct {
	position health.Position
	typ      uint32 // index into collector.types

	decidingMetric  string         // metric of the sample that speaks for the element
	decidingOutcome health.Outcome // of that sample
	rejected        bool           // one of the samples
	changed         bool           // one of the samples is inserted or updated
}

// add takes what became of a sample.
func (e *compoundElement) add(metric string, o health.Outcome) {
	switch o {
	case health.Merged:
		return
	case health.Rejected:
		e.rejected = true
	case health.Inserted, health.Updated:
		e.changed = true
	}
	if e.decidingMetric == "" || metric < e.decidingMetric || metric == e.decidingMetric && o == health.Inserted {
		e.decidingMetric, e.decidingOutcome = metric, o
	}
}

// outcome is what became of the element when all its samples are written.
func (e *compoundElement) outcome() health.Outcome {
	switch {
	case e.rejected:
		return health.Rejected
	case e.decidingMetric == "":
		return health.Merged
	case e.decidingOutcome != health.Inserted && e.changed:
		return health.Updated
	}
	return e.decidingOutcome
}
