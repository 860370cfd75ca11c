package assemble

import "github.com/health-export/health-export/internal/health"

// compoundElement is an element with several samples, which is counted once.
//
// Its outcome is that of its deciding sample, the first by the name of its metric that is not merged into another
// element's. When two imports of one file run at the same time, each stores some of an element's samples: the import that
// stored the deciding sample counts the element as inserted, the other one as updated.
type compoundElement struct {
	typ uint32 // index into Collector.types

	decidingMetric  string
	decidingOutcome health.Outcome
	rejected        bool // one of the samples
	changed         bool // one of the samples is inserted or updated
}

// add adds the outcome of a sample.
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

// outcome returns the outcome of the element when those of all its samples are known.
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
