package health

// Restates reports whether s, a summary of all sources, says the same as an inferred reading: the same metric, unit and
// values, from the same start on, which for a summary of a day or more is the midnight of its date, by the offset of the
// reading or in UTC. The two are one fact, of which the reading did not say what it is.
func (s *Sample) Restates(reading *Sample) bool {
	return reading.mayBeSummary() && s.Grain > GrainRaw && !s.PerSource && s.Metric == reading.Metric && s.Unit == reading.Unit &&
		(s.KeyTime() == reading.Start || s.Grain >= GrainDay && s.KeyTime() == reading.localStart()) &&
		SameValue(s.Value, reading.Value) && SameValue(s.Min, reading.Min) && SameValue(s.Max, reading.Max) &&
		SameValue(s.Systolic, reading.Systolic) && SameValue(s.Diastolic, reading.Diastolic)
}

// RestatedAt returns the key times that summaries which restate s may have. ok is false where none can.
func (s *Sample) RestatedAt() (times [2]Instant, ok bool) {
	return [2]Instant{s.Start, s.localStart()}, s.mayBeSummary()
}

func (s *Sample) mayBeSummary() bool { return s.Inferred && s.Grain == GrainRaw && s.End == s.Start }

// localStart is the local time of the start, as if it were in UTC.
func (s *Sample) localStart() Instant { return s.Start + Instant(s.Offset)*Second }
