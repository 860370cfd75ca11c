package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// table is one of the four tables of samples. They differ in their columns of values only.
type table struct {
	*backend.SampleTable
	columns []column
	// read are the columns that a storedRow is read from, as a list in SQL.
	read string
	// copy begins a COPY of all columns; replace writes rows given as arrays over those that have the same key.
	copy, replace string
	// inRange selects a range of one series in the order of the index, inRangeOfSource those rows of it that have a source.
	// edges selects short ranges of many series.
	inRange, inRangeOfSource, edges string
	// window selects a range of one series for summing up days, without attributes.
	window string
	// compare selects a range of one series, compareAt the rows of it that have given times, both without the values that are
	// as expected.
	compare, compareAt string
	digest             string // see digestSQL
	// summaries selects the summaries of all sources at given times, and inferred the inferred readings of given metrics in a
	// range. remove deletes readings without length; narrow corrects the totals of a source after that.
	summaries, inferred, remove, narrow string
}

var (
	heartRates     = newTable(backend.HeartRates)
	bloodPressures = newTable(backend.BloodPressures)
	activities     = newTable(backend.Activities)
	quantities     = newTable(backend.Quantities)

	tables = []*table{heartRates, bloodPressures, activities, quantities}
)

func newTable(of *backend.SampleTable) *table {
	t := &table{SampleTable: of, columns: columnsOf(of.Values)}
	name := of.Name
	names, arrays, set := make([]string, len(t.columns)), make([]string, len(t.columns)), []string(nil)
	for i, c := range t.columns {
		names[i], arrays[i] = c.name, "$"+strconv.Itoa(i+1)+"::"+c.sqlType+"[]"
		if !c.key {
			set = append(set, c.name+" = excluded."+c.name)
		}
	}
	all := strings.Join(names, ", ")
	t.copy = "COPY " + name + " (" + all + ") FROM STDIN (FORMAT binary)"
	t.replace = "INSERT INTO " + name + " (" + all + ") SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ")" +
		" ON CONFLICT (user_id, metric_id, grain, recorded_at, ended_at, key_source) DO UPDATE SET " + strings.Join(set, ", ")

	t.read = "t.recorded_at, t.ended_at, t.received_at, t.key_source, t.source_id, t.utc_offset, t.attributes, t.other_values," +
		" t.zone_assumed, t.inferred"
	// What is as expected is NULL: sending a value costs the server more than comparing it.
	compared := "t.recorded_at, nullif(t.ended_at, t.recorded_at), CASE WHEN t.received_at > $6 THEN t.received_at END," +
		" nullif(t.key_source, $7), nullif(t.source_id, $8), nullif(t.utc_offset, $9), nullif(t.attributes, '')," +
		" nullif(t.other_values, ''), nullif(t.zone_assumed, false), nullif(t.inferred, false)"
	for _, v := range of.Values {
		t.read += ", t." + v.Column
		compared += ", t." + v.Column
	}
	from := " FROM " + name + " t WHERE t.user_id = $1 AND "
	const ofSeries = "t.metric_id = $2 AND t.grain = $3 AND t.recorded_at BETWEEN $4 AND $5"
	const inOrder = " ORDER BY t.recorded_at, t.ended_at, t.key_source"
	t.window = "SELECT " + strings.Replace(t.read, "t.attributes", "''", 1) + from + ofSeries + " ORDER BY t.recorded_at, t.ended_at"
	t.inRange = "SELECT " + t.read + from + ofSeries + inOrder + " LIMIT $6"
	t.inRangeOfSource = "SELECT " + t.read + from + ofSeries + " AND t.source_id = $7" + inOrder + " LIMIT $6"
	t.compare = "SELECT " + compared + from + ofSeries + inOrder + " LIMIT $10"
	// OFFSET 0 keeps the planner from turning the look-ups into a join, for which it would read the whole range.
	t.compareAt = "SELECT t.* FROM unnest($10::timestamptz[]) WITH ORDINALITY k (at, position)" +
		" CROSS JOIN LATERAL (SELECT " + compared + from + ofSeries + " AND t.recorded_at = k.at" + inOrder + " OFFSET 0) t" +
		" ORDER BY k.position"
	t.digest = "SELECT k.position, t.* FROM unnest($6::timestamptz[], $7::timestamptz[], $8::bigint[])" +
		" WITH ORDINALITY k (first_at, last_at, most, position) CROSS JOIN LATERAL (SELECT count(*), bit_xor(hash) FROM" +
		" (SELECT " + digestSQL(of.Values) + " AS hash" + from + ofSeries + " AND t.recorded_at BETWEEN k.first_at AND k.last_at" +
		" LIMIT k.most) t) t"
	t.summaries = "SELECT k.position, t.grain, " + t.read + " FROM unnest($2::smallint[], $3::timestamptz[]) WITH ORDINALITY" +
		" k (metric_id, at, position) JOIN " + name + " t ON t.user_id = $1 AND t.metric_id = k.metric_id AND t.recorded_at = k.at" +
		" AND t.grain > 0 AND t.key_source = " + strconv.Itoa(mergedSource) + " WHERE t.recorded_at BETWEEN $4 AND $5"
	t.inferred = "SELECT t.metric_id, " + t.read + from + "t.metric_id = ANY ($2::smallint[]) AND t.inferred" +
		" AND t.recorded_at BETWEEN $3 AND $4"
	t.remove = "DELETE FROM " + name + " t USING unnest($2::smallint[], $3::timestamptz[], $4::integer[]) k (metric_id, at, source_id)" +
		" WHERE t.user_id = $1 AND t.metric_id = k.metric_id AND t.grain = 0 AND t.recorded_at = k.at AND t.ended_at = k.at" +
		" AND t.key_source = k.source_id"
	edge := func(order string) string {
		return "(SELECT recorded_at FROM " + name + " WHERE user_id = $1 AND metric_id = $2 AND grain = 0 AND source_id = $3" +
			" ORDER BY recorded_at " + order + " LIMIT 1)"
	}
	t.narrow = "UPDATE metric_totals SET first_at = " + edge("ASC") + ", last_at = " + edge("DESC") +
		" WHERE user_id = $1 AND metric_id = $2 AND grain = 0 AND source_id = $3 AND samples > 0"
	t.edges = "SELECT k.position, t.* FROM unnest($2::smallint[], $3::integer[], $4::timestamptz[], $5::timestamptz[]," +
		" $6::bigint[]) WITH ORDINALITY k (metric_id, grain, first_at, last_at, most, position)" +
		" CROSS JOIN LATERAL (SELECT " + t.read + from + "t.metric_id = k.metric_id AND t.grain = k.grain" +
		" AND t.recorded_at BETWEEN k.first_at AND k.last_at AND t.recorded_at BETWEEN $7 AND $8" + inOrder + " LIMIT k.most) t"
	return t
}

func tableNamed(name string) *table {
	for _, t := range tables {
		if t.Name == name {
			return t
		}
	}
	return nil // a schema of another version; the CHECK of metric_names makes it impossible here
}

// tableFor returns the table for a metric whose first sample this is.
func (s *Store) tableFor(first *health.Sample) *table {
	of := backend.TableFor(s.catalog, first)
	return tables[slices.IndexFunc(tables, func(t *table) bool { return t.SampleTable == of })]
}

// startKey is the key in other_values for the start of a summary of a day or more that did not begin at a midnight, in
// microseconds after recorded_at.
const startKey = "start"

// otherValues returns the values of a sample that have no column in the table, "" where there is none.
func (t *table) otherValues(s *health.Sample) (string, error) {
	if !t.hasOthers(s) {
		return "", nil
	}
	others := t.OtherValues(s)
	if others == nil {
		others = map[string]float64{}
	}
	if s.Grain >= health.GrainDay && s.Start != s.LocalDate().Midnight(s.Offset) {
		others[startKey] = float64(s.Start - s.KeyTime())
	}
	text, err := json.Marshal(others, json.Deterministic(true))
	if err != nil {
		return "", invalidElement("The element has a number that is not finite.")
	}
	return string(text), nil
}

// hasOthers reports whether otherValues returns anything.
func (t *table) hasOthers(s *health.Sample) bool {
	return t.HasOthers(s) || s.Grain >= health.GrainDay && s.Start != s.LocalDate().Midnight(s.Offset)
}

// setOtherValues is the reverse of otherValues.
func setOtherValues(s *health.Sample, text []byte) error {
	var others map[string]float64
	if err := json.Unmarshal(text, &others); err != nil {
		return err
	}
	backend.SetOtherValues(s, others)
	if shift, ok := others[startKey]; ok {
		s.Start = s.KeyTime() + health.Instant(shift)
	}
	return nil
}
