package health

// merger merges the fields of two entries for one thing: a field of the later entry wins unless it is empty.
type merger struct{ changed bool }

func (m *merger) text(have *string, later string) {
	if later != "" && later != *have {
		*have, m.changed = later, true
	}
}

func (m *merger) instant(have *Instant, later Instant) {
	if later != 0 && later != *have {
		*have, m.changed = later, true
	}
}

func (m *merger) value(have *float64, later float64) {
	if !IsAbsent(later) && !SameValue(later, *have) {
		*have, m.changed = later, true
	}
}

func (m *merger) attributes(have *string, later string) {
	if merged := MergeAttributes(*have, later); merged != *have {
		*have, m.changed = merged, true
	}
}

// finish sets what only a change sets: the offset of the later entry, and the place of the later body. It reports whether
// there was a change.
func (m *merger) finish(offset *int32, laterOffset int32, order *Instant, laterOrder Instant) bool {
	if m.changed {
		*offset, *order = laterOffset, max(*order, laterOrder)
	}
	return m.changed
}
