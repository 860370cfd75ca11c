package ingest

import "github.com/health-export/health-export/internal/health"

// element is an element with several samples, which is counted once.
//
// It is new where the sample that speaks for it is: the first by the name of its metric that no other element of the body
// has told of. Two imports of one file that run side by side each store some of an element's samples; the one that stored
// this sample has inserted the element, and for the other it is updated.
type element struct {
	position health.Position
	typ      uint32 // index into collector.types

	speaks   string         // metric of the sample that speaks for the element
	spoken   health.Outcome // of that sample
	rejected bool           // one of the samples
	written  bool           // one of the samples is inserted or updated
}

// see takes what became of a sample.
func (e *element) see(metric string, o health.Outcome) {
	switch o {
	case health.Merged:
		return
	case health.Rejected:
		e.rejected = true
	case health.Inserted, health.Updated:
		e.written = true
	}
	if e.speaks == "" || metric < e.speaks || metric == e.speaks && o == health.Inserted {
		e.speaks, e.spoken = metric, o
	}
}

// outcome is what became of the element when all its samples are written.
func (e *element) outcome() health.Outcome {
	switch {
	case e.rejected:
		return health.Rejected
	case e.speaks == "":
		return health.Merged
	case e.spoken != health.Inserted && e.written:
		return health.Updated
	}
	return e.spoken
}
