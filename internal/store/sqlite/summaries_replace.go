package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// replace makes days the summaries of the dates in done, which are in order, and returns how many had been others. A
// date that has no summary any more loses the one it has.
func (u *summaryUpdater) replace(m metric, days []aggregate.DaySummary, done []health.Date) (differed int, err error) {
	there, err := u.summaries(m, done[0], done[len(done)-1])
	if err != nil {
		return 0, err
	}
	var write []*aggregate.DaySummary
	for i := range days {
		day := &days[i]
		if old, found := there[day.Date]; !found || !day.SameDay(&old) {
			write = append(write, day)
		}
		delete(there, day.Date)
	}
	differed = len(write)
	for date := range there {
		if _, gone := slices.BinarySearch(done, date); !gone {
			continue
		}
		differed++
		if err := u.exec(`DELETE FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date = ?`,
			[]driver.Value{u.user, m.id, int64(date)}); err != nil {
			return 0, err
		}
	}
	return differed, u.write(m, write)
}

// summaries returns the stored summaries of the dates from first to last.
func (u *summaryUpdater) summaries(m metric, first, last health.Date) (map[health.Date]aggregate.DaySummary, error) {
	var packed []packedSummary
	err := u.each(func(row []driver.Value) error {
		packed = append(packed, readSummary(row))
		return nil
	}, `SELECT `+summaryColumns+`, hours FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date BETWEEN ? AND ?`,
		u.user, m.id, int64(first), int64(last))
	if err != nil {
		return nil, err
	}
	found := make(map[health.Date]aggregate.DaySummary, len(packed))
	for i := range packed {
		if err := packed[i].unpack(u.sourceName, true); err != nil {
			return nil, err
		}
		found[packed[i].Date] = packed[i].DaySummary
	}
	return found, nil
}

// write writes summaries with statements of statementSizes rows.
func (u *summaryUpdater) write(m metric, days []*aggregate.DaySummary) error {
	var args []driver.Value
	for size := 0; len(days) > 0; {
		for statementSizes[size] > len(days) {
			size++
		}
		n := statementSizes[size]
		args = args[:0]
		for _, day := range days[:n] {
			ids := make([]int64, len(day.Sources))
			for i, name := range day.Sources {
				ids[i] = u.ids[name]
			}
			hours := backend.PackHours(day, func(source string) int64 { return u.ids[source] })
			args = summaryArgs(append(args, u.user, m.id), day, joinIDs(ids), hours)
		}
		if err := u.exec(insertSummaries[size], args); err != nil {
			return err
		}
		days = days[n:]
	}
	return nil
}

// sourceOrder returns the order of sources that the user has set, and its version.
func (u *summaryUpdater) sourceOrder() (order aggregate.SourceOrder, version int64, err error) {
	err = u.each(func(row []driver.Value) error {
		text, _ := row[0].(string)
		version = integer(row[1])
		return json.Unmarshal([]byte(text), &order)
	}, `SELECT sources, version FROM source_orders WHERE user_id = ?`, u.user)
	return order, version, err
}
