package sqlite

import (
	"fmt"
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
	insert, replace statements
	// compare selects a range of one user's metric for sampleScan. read begins a query for appendSamples. latest selects the
	// latest sample, latestValue the latest that has a value.
	compare, read, latest, latestValue string
	// window selects the samples that some days depend on, in the order of the key.
	window string
	// inferred selects the inferred readings of one user's metric in a range, summaries the summaries of all sources at two key
	// times, and remove deletes a reading without length.
	inferred, summaries, remove string
	// extent returns the earliest and the latest start of one user's metric.
	extent string
}

var (
	heartRates     = newTable(backend.HeartRates)
	bloodPressures = newTable(backend.BloodPressures)
	activities     = newTable(backend.Activities)
	quantities     = newTable(backend.Quantities)

	tables = []*table{heartRates, bloodPressures, activities, quantities}
)

func newTable(of *backend.SampleTable) *table {
	name := of.Name
	key := []string{"key_time", "grain", "length", "source_id", "per_source"}
	var inner []string
	for _, v := range of.Values {
		inner = append(inner, v.Column)
	}
	inner = append(inner, "merged_source_id", "start_shift", "utc_offset", "received", "zone_assumed", "inferred", "attributes", "other_values")
	all := "user_id, metric_id, " + strings.Join(slices.Concat(key, inner), ", ")
	// One column less to read, which takes longer than to compute it.
	columns := strings.NewReplacer("user_id, metric_id, ", "", "per_source", "per_source + 2 * zone_assumed + 4 * inferred", "zone_assumed, ", "", "inferred, ", "").Replace(all)

	t := &table{SampleTable: of}
	t.insert = newStatements("INSERT INTO "+name+" ("+all+")", len(of.Values))
	t.replace = newStatements("INSERT OR REPLACE INTO "+name+" ("+all+")", len(of.Values))
	t.read = "SELECT " + columns + " FROM " + name + " WHERE user_id = ? AND metric_id = ?"
	t.inferred = strings.Replace(t.read, "FROM "+name, "FROM "+name+" INDEXED BY "+name+"_inferred", 1) +
		" AND key_time >= ? AND key_time <= ? AND inferred = 1"
	t.summaries = t.read + " AND key_time IN (?, ?) AND grain > 0 AND per_source = 0"
	t.remove = "DELETE FROM " + name + " WHERE user_id = ? AND metric_id = ? AND key_time = ? AND grain = 0 AND length = 0 AND source_id = ?"
	t.compare = t.read + " AND key_time >= ? AND key_time <= ? ORDER BY " + strings.Join(key, ", ")
	t.window = "SELECT " + strings.Replace(columns, "attributes", "NULL", 1) + " FROM " + name +
		" WHERE user_id = ? AND metric_id = ? AND key_time >= ? AND key_time < ? AND grain <= 86400" +
		" AND (grain = 0 OR key_time + grain * 1000000 > ? AND key_time - grain * 1000000 < ?)" +
		" ORDER BY " + strings.Join(key, ", ")
	const ofMetric = " WHERE user_id = ?1 AND metric_id = ?2"
	edge := func(function string) string {
		return "(SELECT " + function + "(key_time) FROM " + name + ofMetric + ")"
	}
	const latestFirst = " ORDER BY key_time + start_shift DESC, grain, length, source_id LIMIT 1"
	t.latest = "SELECT " + columns + " FROM " + name + ofMetric + " AND key_time >= " + edge("max") + " - ?3" + latestFirst
	var hasValue []string // one of them
	for _, v := range of.Values {
		hasValue = append(hasValue, v.Column+" IS NOT NULL")
	}
	for _, v := range of.Others { // other_values may have other keys, too
		hasValue = append(hasValue, "json_extract(other_values, '$."+v.Key+"') IS NOT NULL")
	}
	t.latestValue = "SELECT " + columns + " FROM " + name + ofMetric + " AND (" + strings.Join(hasValue, " OR ") + ")" + latestFirst
	// Starts are not quite in the order of key times, see backend.StartBeforeKey.
	around := strconv.Itoa(int(backend.StartBeforeKey + backend.StartAfterKey))
	t.extent = "SELECT" +
		" (SELECT min(key_time + start_shift) FROM " + name + ofMetric + " AND key_time <= " + edge("min") + " + " + around + ")," +
		" (SELECT max(key_time + start_shift) FROM " + name + ofMetric + " AND key_time >= " + edge("max") + " - " + around + ")"
	return t
}

// tableNamed fails only where a newer version has changed the schema while this one runs.
func tableNamed(name string) (*table, error) {
	for _, t := range tables {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("there is no table of samples %q", name)
}

// tableFor returns the table for a metric whose first sample this is.
func (s *Store) tableFor(first *health.Sample) *table {
	of := backend.TableFor(s.catalog, first)
	return tables[slices.IndexFunc(tables, func(t *table) bool { return t.SampleTable == of })]
}

// otherValues returns the values of a sample that have no column in the table, "" where there is none.
func (t *table) otherValues(s *health.Sample) (string, error) {
	others := t.OtherValues(s)
	if others == nil {
		return "", nil
	}
	text, err := json.Marshal(others, json.Deterministic(true))
	if err != nil {
		return "", errNotFinite
	}
	return string(text), nil
}

// setOtherValues is the reverse of otherValues.
func setOtherValues(s *health.Sample, text string) error {
	var others map[string]float64
	if err := json.Unmarshal([]byte(text), &others); err != nil {
		return err
	}
	backend.SetOtherValues(s, others)
	return nil
}
