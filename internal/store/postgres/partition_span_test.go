package postgres

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSpanFor(t *testing.T) {
	t.Parallel()
	now := day(t, "2026-03-10")
	march2024 := span{from: day(t, "2024-03-01"), to: day(t, "2024-04-01")}
	june2019 := span{from: day(t, "2019-06-01"), to: day(t, "2019-07-01")}
	for _, test := range []struct {
		at, name, from, to string
		existing           []span
	}{
		{at: "2026-03-10", name: "m2026_03", from: "'2026-03-01T00:00:00Z'", to: "'2026-04-01T00:00:00Z'"},
		{at: "2025-12-31", name: "m2025_12", from: "'2025-12-01T00:00:00Z'", to: "'2026-01-01T00:00:00Z'"},
		{at: "2025-01-01", name: "m2025_01", from: "'2025-01-01T00:00:00Z'", to: "'2025-02-01T00:00:00Z'"},
		// 24 months back is March 2024: all of that year is kept by month, so that no year ever overlaps one of them.
		{at: "2024-03-10", name: "m2024_03", from: "'2024-03-01T00:00:00Z'", to: "'2024-04-01T00:00:00Z'"},
		{at: "2024-01-10", name: "m2024_01", from: "'2024-01-01T00:00:00Z'", to: "'2024-02-01T00:00:00Z'"},
		{at: "2024-01-10", name: "m2024_01", from: "'2024-01-01T00:00:00Z'", to: "'2024-02-01T00:00:00Z'", existing: []span{march2024}},
		{at: "2023-12-31", name: "y2023", from: "'2023-01-01T00:00:00Z'", to: "'2024-01-01T00:00:00Z'"},
		{at: "2019-02-03", name: "y2019", from: "'2019-01-01T00:00:00Z'", to: "'2020-01-01T00:00:00Z'"},
		{at: "2019-02-03", name: "m2019_02", from: "'2019-02-01T00:00:00Z'", to: "'2019-03-01T00:00:00Z'", existing: []span{june2019}},
		{at: "1990-01-01", name: "y1990", from: "'1990-01-01T00:00:00Z'", to: "'1991-01-01T00:00:00Z'"},
		{at: "1989-12-31", name: "before_1990", from: "MINVALUE", to: "'1990-01-01T00:00:00Z'"},
		{at: "1900-01-01", name: "before_1990", from: "MINVALUE", to: "'1990-01-01T00:00:00Z'"},
		{at: "2027-03-31", name: "m2027_03", from: "'2027-03-01T00:00:00Z'", to: "'2027-04-01T00:00:00Z'"},
		{at: "2028-01-01", name: "y2028", from: "'2028-01-01T00:00:00Z'", to: "'2029-01-01T00:00:00Z'"},
		{at: "2100-01-01", name: "from_2100", from: "'2100-01-01T00:00:00Z'", to: "MAXVALUE"},
		{at: "9999-12-31", name: "from_2100", from: "'2100-01-01T00:00:00Z'", to: "MAXVALUE"},
	} {
		s := spanFor(day(t, test.at), now, test.existing)
		if s.name() != test.name || s.lower() != test.from || s.upper() != test.to {
			t.Errorf("%s: %s from %s to %s, want %s from %s to %s", test.at, s.name(), s.lower(), s.upper(), test.name, test.from, test.to)
		}
	}
}

// Whatever comes when, every time gets a partition, none overlaps another, and there are not many.
func TestSpansAreConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := yearBegin(2024)
		var existing []span
		names := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.AddDate(0, rapid.IntRange(0, 4).Draw(t, "months pass"), rapid.IntRange(0, 30).Draw(t, "days pass"))
			at := rapid.OneOf(
				rapid.Map(rapid.IntRange(-400_000, 400_000), func(days int) time.Time { return now.AddDate(0, 0, days) }),
				rapid.Map(rapid.IntRange(-1500, 500), func(days int) time.Time { return now.AddDate(0, 0, days) }),
			).Draw(t, "at")
			if covers(existing, at) {
				continue
			}
			s := spanFor(at, now, existing)
			if at.Before(s.from) || !at.Before(s.to) {
				t.Fatalf("%s lies not in %s", at, s.name())
			}
			if i := slices.IndexFunc(existing, s.overlaps); i >= 0 {
				t.Fatalf("%s overlaps %s", s.name(), existing[i].name())
			}
			if names[s.name()] {
				t.Fatalf("two are named %s", s.name())
			}
			names[s.name()] = true
			existing = insertSpan(existing, s)
			if !covers(existing, at) {
				t.Fatalf("%s is not covered", at)
			}
		}
	})
}

// A first upload of somebody with absurd dates, one for every week from 1600 to 9999.
func TestHostileDatesMakeFewPartitions(t *testing.T) {
	t.Parallel()
	now := day(t, "2026-03-10")
	var existing []span
	for at := day(t, "1600-01-01"); at.Year() < 10_000; at = at.AddDate(0, 0, 7) {
		if !covers(existing, at) {
			existing = insertSpan(existing, spanFor(at, now, existing))
		}
	}
	if len(existing) > 160 {
		t.Errorf("%d partitions", len(existing))
	}
}
