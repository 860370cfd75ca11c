package server

import (
	"net/http"
	"strconv"

	"github.com/health-export/health-export/internal/health"
)

// writeReport responds with the report of an ingestion. Nearly all reports have empty lists, and go to phones that send a
// little every few minutes: for those, encoding by reflection costs as much as all the rest.
func writeReport(w http.ResponseWriter, status int, i *health.Ingestion) error {
	r := reportOf(i)
	if len(r.Errors)+len(r.Warnings)+len(r.Types)+r.ErrorCount+r.WarningCount > 0 {
		return writeJSON(w, status, r)
	}
	writeBytes(w, "application/json", status, r.appendPlain(make([]byte, 0, 640)))
	return nil
}

// appendPlain appends the JSON of a report with empty lists, byte for byte as the library encodes it.
func (r *report) appendPlain(b []byte) []byte {
	b = append(b, `{"ingestion_id":"`...)
	b = append(b, r.IngestionID.String()...)
	b = append(b, `","success":`...)
	b = strconv.AppendBool(b, r.Success)
	b = append(b, `,"status":"`...)
	b = append(b, r.Status...)
	b = append(b, `","processed":{`...)
	begun := len(b)
	for _, kind := range [...]struct {
		name   string
		stored *int
	}{
		{`"metrics":`, r.Processed.Metrics},
		{`"workouts":`, r.Processed.Workouts},
		{`"events":`, r.Processed.Events},
		{`"ecg":`, r.Processed.ECG},
	} {
		if kind.stored == nil {
			continue
		}
		if len(b) > begun {
			b = append(b, ',')
		}
		b = appendNumber(b, kind.name, *kind.stored)
	}
	b = append(b, `},"counts":{"metrics":`...)
	b = appendCounts(b, r.Counts.Metrics)
	b = append(b, `,"workouts":`...)
	b = appendCounts(b, r.Counts.Workouts)
	b = append(b, `,"events":`...)
	b = appendCounts(b, r.Counts.Events)
	b = append(b, `,"ecg":`...)
	b = appendCounts(b, r.Counts.ECG)
	b = append(b, `},"errors":[],"warnings":[],"processing_time_ms":`...)
	return append(strconv.AppendInt(b, r.ProcessingTimeMS, 10), '}')
}

func appendCounts(b []byte, c health.Counts) []byte {
	b = appendNumber(b, `{"received":`, c.Received)
	b = appendNumber(b, `,"inserted":`, c.Inserted)
	b = appendNumber(b, `,"updated":`, c.Updated)
	b = appendNumber(b, `,"unchanged":`, c.Unchanged)
	b = appendNumber(b, `,"merged":`, c.Merged)
	return append(appendNumber(b, `,"rejected":`, c.Rejected), '}')
}

func appendNumber(b []byte, name string, n int) []byte {
	return strconv.AppendInt(append(b, name...), int64(n), 10)
}
