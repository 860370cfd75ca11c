package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// SourceOrder is a user's own order of sources, the most trusted first. Sources that are not in it come after those
// that are, in the order of their devices, see Ranking. The zero value is no order.
type SourceOrder struct {
	// Sources is the order for every metric that has none in Metrics.
	Sources []string `json:"sources"`
	// Metrics has the orders of single metrics, by the catalogue's name; sleep is sleep_analysis.
	Metrics map[string][]string `json:"metrics"`
	// Devices are those that recorded the samples of sources, as far as is known. Nobody sets them.
	Devices []health.SourceDevice `json:"-"`
}

// The limits of a SourceOrder.
const (
	maxOrdered     = 200
	maxSourceBytes = 1000
)

// Check returns an Invalid error where the order is not valid.
func (o SourceOrder) Check() error {
	if len(o.Metrics) > maxOrdered {
		return problem.New(problem.Invalid, "invalid_source_order", "At most 200 metrics may have an order of their own.").In("metrics")
	}
	if err := checkSources(o.Sources, "sources"); err != nil {
		return err
	}
	for _, sources := range o.Metrics {
		if err := checkSources(sources, "metrics"); err != nil {
			return err
		}
	}
	return nil
}

func checkSources(sources []string, field string) error {
	if len(sources) > maxOrdered {
		return problem.New(problem.Invalid, "invalid_source_order", "A list may name at most 200 sources.").In(field)
	}
	seen := map[string]bool{}
	for _, source := range sources {
		name := normalSource(source)
		switch {
		case name == "" || len(source) > maxSourceBytes || strings.ContainsRune(source, 0):
			return problem.New(problem.Invalid, "invalid_source_order", "A source is named by its text, of 1 to 1000 bytes, as GET /v1/metrics shows it.").In(field)
		case seen[name]:
			return problem.New(problem.Invalid, "invalid_source_order", "A source is named twice. Name each once, the most trusted first.").In(field)
		}
		seen[name] = true
	}
	return nil
}

// For returns the ranking of the sources of one metric.
func (o SourceOrder) For(metric string) Ranking {
	listed, own := o.Metrics[metric]
	if !own {
		listed = o.Sources
	}
	r := Ranking{devices: rankDevices(o.Devices)}
	for _, source := range listed {
		r.listed = append(r.listed, normalSource(source))
	}
	return r
}

// Ranking orders the sources of one metric: first those that the user has listed. Then those that HealthKit merged
// ("Watch|iPhone"), then watches, then phones, then everything else. Watches, and phones, are ordered by their hardware, the
// newest first, and by when they were last seen; sources that are equal in all that, by name. What a source is, its device
// says, and its name where no device is known.
//
// The zero value knows no list and no devices.
type Ranking struct {
	listed  []string
	devices map[string]deviceRank // by source and by normalSource
}

// Compare is negative when source a is to be preferred to b.
func (r Ranking) Compare(a, b string) int {
	if len(r.listed) > 0 {
		if c := cmp.Compare(r.position(a), r.position(b)); c != 0 {
			return c
		}
	}
	return cmp.Or(r.rankOf(a).compare(r.rankOf(b)), strings.Compare(a, b))
}

// CompareSources is Compare of the zero Ranking.
func CompareSources(a, b string) int { return Ranking{}.Compare(a, b) }

func (r Ranking) rankOf(source string) deviceRank {
	if strings.Contains(source, "|") {
		return deviceRank{kind: rankMerged}
	}
	if len(r.devices) > 0 {
		if known, ok := r.devices[source]; ok {
			return known
		}
		if known, ok := r.devices[normalSource(source)]; ok {
			return known
		}
	}
	return deviceRank{kind: rankOfKind(health.KindOfDevice(source))}
}

// deviceRank is how far a source is trusted for its device.
type deviceRank struct {
	kind         int // the least first
	major, minor int // of the hardware
	last         health.Instant
}

const (
	rankMerged = iota
	rankWatch
	rankPhone
	rankOther
)

func rankOfKind(kind health.DeviceKind) int {
	switch kind {
	case health.DeviceWatch:
		return rankWatch
	case health.DevicePhone:
		return rankPhone
	}
	return rankOther
}

// rankDevices returns the rank of each source whose device is known: that of its best one.
func rankDevices(devices []health.SourceDevice) map[string]deviceRank {
	if len(devices) == 0 {
		return nil
	}
	ranks := make(map[string]deviceRank, len(devices))
	for _, d := range devices {
		rank := deviceRank{kind: rankOfKind(d.Kind())}
		if rank.kind != rankOther {
			rank.major, rank.minor = d.Generation()
			rank.last = d.Last
		}
		source := normalSource(d.Source)
		if known, ok := ranks[source]; !ok || rank.compare(known) < 0 {
			ranks[source] = rank
		}
	}
	for _, d := range devices {
		ranks[d.Source] = ranks[normalSource(d.Source)] // which takes longer to look up
	}
	return ranks
}

// compare is negative where r is to be preferred to o.
func (r deviceRank) compare(o deviceRank) int {
	return cmp.Or(cmp.Compare(r.kind, o.kind), cmp.Compare(o.major, r.major), cmp.Compare(o.minor, r.minor), cmp.Compare(o.last, r.last))
}

// SameRanking reports whether two orders rank some sources in the same way, for a metric without an order of its own.
func SameRanking(a, b SourceOrder, sources []string) bool {
	ranked := func(o SourceOrder) []string { return slices.SortedFunc(slices.Values(sources), o.For("").Compare) }
	return slices.Equal(ranked(a), ranked(b))
}

// position returns the position of a source in the user's order; that after the last where it is not in it.
func (r Ranking) position(source string) int {
	if i := slices.Index(r.listed, normalSource(source)); i >= 0 {
		return i
	}
	return len(r.listed)
}

// normalSource returns the same text for all spellings of a source: phones write spaces and apostrophes that keyboards
// lack.
func normalSource(source string) string {
	return strings.Join(strings.Fields(apostrophes.Replace(strings.ToLower(source))), " ")
}

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "\u00a0", " ", "\u202f", " ")
