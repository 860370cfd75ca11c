package catalog

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const documentFile = "../../docs/metrics.md"

// docs/metrics.md is made from the tables: go test ./internal/catalog -run Document -update
func TestMetricsDocument(t *testing.T) {
	t.Parallel()
	want := document(load(t))
	if *update {
		if err := os.WriteFile(documentFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Errorf("docs/metrics.md does not fit the tables; run this test with -update (-want +have):\n%s", diff)
	}
}

const preface = `# Metrics

<!-- Made from internal/catalog/*.tsv by: go test ./internal/catalog -run Document -update -->

Every metric the server knows by name: %d of them, in %d categories. A metric that is not here is stored all the same,
under the name and in the unit it was sent with.

- **Unit** is the one values are kept in; values in the other accepted units, in any of the spellings listed at the
  end, are converted exactly. A value in any other unit is kept as it was sent, with a warning.
- **Valid**: a value outside is refused. For metrics that are added up (sum), the range holds for one day.
- **Likely**: a value outside is stored with a warning.
- **Also known as**: other names, and Apple's identifier, for the same metric. Case does not matter.
- **LOINC** and **UCUM** are the codes of the measurement and of its unit in a FHIR export.
- Among the spellings of a unit, (none) stands for one that was sent empty.

To add a metric, write a line in ` + "`internal/catalog/metrics.tsv`" + `: in the group of its category, by name. Most of its columns
are those above; the others are:

- ` + "`shape`" + `: which values a sample has. ` + "`quantity`" + `: one; ` + "`min_avg_max`" + `: a minimum, average and maximum; ` + "`event`" + `: none;
  ` + "`correlation`" + `: none, it groups other records; ` + "`blood_pressure`, `named_counts`, `sleep`" + `: values of their own.
- ` + "`accepted_units`" + `: the units separated by "|", the unit of the metric among them. "a=b" accepts the unit a for this metric
  with the meaning of b.
- ` + "`min`, `max`" + ` are the column Valid, ` + "`suspicious_min`, `suspicious_max`" + ` the column Likely.
- ` + "`record`" + `: the personal record that the metric has. ` + "`highest_day`" + `: the day with the greatest value; ` + "`highest`, `lowest`" + `: the day
  with the greatest or smallest single value. ` + "`record_order`" + ` is its place in the list of records; no two are equal.
- ` + "`ring`, `goal`" + `: the ring that the metric fills (` + "`move`, `exercise` or `stand`" + `) and the metric, of the same unit, that has the
  goal of a day.
- ` + "`user_entered`" + `: ` + "`yes`" + ` where each value is one entry of a person or one measurement, such as a meal or a weighing. It is a
  reading then, unless the sender says how it grouped its data (the column "By hand"; [ADR 20](adr/0020-evidence-for-a-grain.md)).

A category is a line of ` + "`internal/catalog/categories.tsv`" + `, with the FHIR category of its metrics; metrics.tsv is in the same
order. A unit is a line of ` + "`internal/catalog/units.tsv`" + `.

What else the server does with a metric follows from these: a metric of the shapes quantity, min_avg_max and sleep has
trends and comparisons; one of the category nutrition that Apple calls Dietary… is a field of the Nutrition type; one of the
category symptom is an event of the kind symptom in Apple's export; one in "%%" is a fraction there.
`

func document(c *Catalog) string {
	var b strings.Builder
	groups := map[string][]*Metric{}
	var order []string
	for _, m := range c.Metrics() {
		if groups[m.Category] == nil {
			order = append(order, m.Category)
		}
		groups[m.Category] = append(groups[m.Category], m)
	}
	slices.Sort(order)
	fmt.Fprintf(&b, preface, len(c.metrics), len(order))
	for _, category := range order {
		fmt.Fprintf(&b, "\n## %s%s\n\n", strings.ToUpper(category[:1]), category[1:])
		if fhir := groups[category][0].FHIRCategory; fhir != "" {
			fmt.Fprintf(&b, "In a FHIR export: `%s`.\n\n", fhir)
		}
		writeMetrics(&b, groups[category])
	}
	b.WriteString("\n## Records\n\nIn the order in which they are listed.\n\n")
	writeRecords(&b, c.Records())
	b.WriteString("\n## Rings\n\n")
	writeRings(&b, c.Rings())
	b.WriteString("\n## Units\n\n")
	writeUnits(&b, c.units)
	return b.String()
}

func writeMetrics(b *strings.Builder, metrics []*Metric) {
	line(b, "Metric", "Unit", "Other accepted units", "Over time", "By hand", "Valid", "Likely", "Also known as", "LOINC", "UCUM", "Notes")
	line(b, "---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, m := range metrics {
		others := slices.DeleteFunc(slices.Clone(m.AcceptedUnits), func(u string) bool { return u == m.Unit })
		known := slices.Clone(m.Aliases)
		if m.HealthKitID != "" {
			known = append(known, m.HealthKitID)
		}
		over := string(m.Aggregation)
		if m.Shape == ShapeEvent || m.Shape == ShapeCorrelation {
			over = string(m.Shape)
		}
		line(b, "`"+m.Name+"`", m.Unit, strings.Join(others, ", "), over, yes(m.UserEntered), between(m.Min, m.Max),
			between(m.SuspiciousMin, m.SuspiciousMax), code(known), strings.Join(m.LOINC, ", "), code(nonEmpty(m.UCUM)), m.Notes)
	}
}

func writeRecords(b *strings.Builder, metrics []*Metric) {
	line(b, "Metric", "Record")
	line(b, "---", "---")
	for _, m := range metrics {
		line(b, "`"+m.Name+"`", "`"+string(m.Record)+"`")
	}
}

func writeRings(b *strings.Builder, of map[Ring]*Metric) {
	line(b, "Ring", "Metric", "Goal")
	line(b, "---", "---", "---")
	for _, ring := range rings {
		line(b, "`"+string(ring)+"`", "`"+of[ring].Name+"`", "`"+of[ring].Goal.Name+"`")
	}
}

func writeUnits(b *strings.Builder, units *unitTable) {
	line(b, "Unit", "Measures", "Other spellings", "Case matters")
	line(b, "---", "---", "---", "---")
	for _, u := range units.list {
		matters := units.folded[strings.ToLower(normalUnit(u.name))] != u
		line(b, "`"+u.name+"`", u.dimension, code(u.spellings), yes(matters))
	}
}

func line(b *strings.Builder, cells ...string) {
	b.WriteString("|")
	for _, cell := range cells {
		b.WriteString(" " + strings.ReplaceAll(cell, "|", "\\|") + " |")
	}
	b.WriteString("\n")
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return ""
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func code(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return "`" + strings.Join(texts, "`, `") + "`"
}

func between(low, high float64) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch {
	case math.IsNaN(low) && math.IsNaN(high):
		return ""
	case math.IsNaN(low):
		return "≤ " + number(high)
	case math.IsNaN(high):
		return "≥ " + number(low)
	}
	return number(low) + " … " + number(high)
}
