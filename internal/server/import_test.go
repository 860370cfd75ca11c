package server

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

const smallExport = `<?xml version="1.0"?>
<HealthData locale="en">
 <ExportDate value="2026-03-20 10:00:00 +0200"/>
 <Record type="HKQuantityTypeIdentifierStepCount" sourceName="iPhone" unit="count" startDate="2026-03-10 10:00:00 +0200" endDate="2026-03-10 11:00:00 +0200" value="900"/>
 <Record type="HKQuantityTypeIdentifierStepCount" sourceName="Watch" unit="count" startDate="2026-03-10 10:00:00 +0200" endDate="2026-03-10 11:00:00 +0200" value="1000"/>
 <Record type="HKQuantityTypeIdentifierStepCount" sourceName="Watch" unit="count" startDate="2026-03-10 12:00:00 +0200" endDate="2026-03-10 13:00:00 +0200" value="x"/>
</HealthData>`

// awaitImport follows the Location of an accepted import until it is finished.
func (a *api) awaitImport(key string, accepted answer) ingestion {
	a.t.Helper()
	location := accepted.wants(http.StatusAccepted).header.Get("Location")
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		var i ingestion
		a.get(location, key).wants(http.StatusOK).into(&i)
		if i.Status != health.StatusAccepted {
			return i
		}
	}
	a.t.Fatal("the import is not finished after a minute")
	return ingestion{}
}

func TestImport(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	i := a.awaitImport(ada.key, a.do(http.MethodPost, "/v1/import", ada.key, smallExport))
	if i.Status != health.StatusPartial || len(i.Types) != 1 || i.Types[0].Inserted != 2 || i.Types[0].Rejected != 1 ||
		len(i.Types[0].Reasons) != 1 || i.Types[0].Reasons[0].Count != 1 || i.Format != "apple" || i.StoredSize != 0 {
		t.Errorf("%+v", i)
	}
	a.get("/v1/ingestions/"+i.IngestionID.String()+"/raw", ada.key).refused(http.StatusNotFound, "body_not_kept")

	kept := a.awaitImport(ada.key, a.do(http.MethodPost, "/v1/import?keep=true", ada.key, smallExport))
	if kept.Types[0].Unchanged != 2 {
		t.Errorf("%+v", kept)
	}
	if raw := a.get("/v1/ingestions/"+kept.IngestionID.String()+"/raw", ada.key).wants(http.StatusOK); string(raw.body) != smallExport {
		t.Errorf("what was kept is %q", raw.body)
	}
}

func TestImportOfAForm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("note", "mine")
	part, err := w.CreateFormFile("file", "export.xml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(smallExport))
	_ = w.Close()
	i := a.awaitImport(ada.key, a.do(http.MethodPost, "/v1/import", ada.key, form.String(), "Content-Type", w.FormDataContentType()))
	if i.Size != int64(len(smallExport)) || i.Counts.Metrics.Inserted != 2 {
		t.Errorf("%+v", i)
	}
	a.do(http.MethodPost, "/v1/import", ada.key, "--x--", "Content-Type", `multipart/form-data; boundary=x`).
		refused(http.StatusBadRequest, "no_file")
	a.do(http.MethodPost, "/v1/import", ada.key, "y", "Content-Type", `multipart/form-data`).
		refused(http.StatusBadRequest, "broken_form")
}

func TestImportRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.do(http.MethodPost, "/v1/import?keep=perhaps", ada.key, smallExport).refused(http.StatusBadRequest, "invalid_parameter")
	a.do(http.MethodPost, "/v1/import", ada.key, "hello").refused(http.StatusBadRequest, "not_json")
	a.do(http.MethodPost, "/v1/import", ada.key, `{"a":1}`).refused(http.StatusUnprocessableEntity, "unrecognised_format")
	a.do(http.MethodPost, "/v1/import", ada.key, strings.Repeat("x", 3<<20)).refused(http.StatusRequestEntityTooLarge, "file_too_large")
	a.do(http.MethodPost, "/v1/import", ada.key, smallExport, "Content-Encoding", "compress").
		refused(http.StatusUnsupportedMediaType, "unsupported_encoding")
	_, reading := a.keyFor(ada.user, account.ScopeRead)
	a.do(http.MethodPost, "/v1/import", reading, smallExport).refused(http.StatusForbidden, "missing_scope")
}

// TestImportDoesNotDoubleTotals brings the same day three times: by the hour and by the day from the app, and sample by
// sample of two devices in an export.
func TestImportDoesNotDoubleTotals(t *testing.T) {
	t.Parallel()
	hourly := `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 09:00:00 +0100","qty":1000,"source":"Watch|iPhone"}]}]}}`
	daily := `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":1000,"source":"Watch|iPhone"}]}]}}`
	for name, order := range map[string][]string{
		"import first": {"import", "hourly", "daily"},
		"import last":  {"hourly", "daily", "import"},
		"import alone": {"import"},
		"hours only":   {"hourly", "import"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			ada := a.ada()
			for _, span := range order {
				switch span {
				case "import":
					a.awaitImport(ada.key, a.do(http.MethodPost, "/v1/import", ada.key, smallExport))
				case "hourly":
					a.send(ada.key, hourly, "automation-aggregation", "Hours")
				case "daily":
					a.send(ada.key, daily, "automation-aggregation", "Days")
				}
			}
			var series query.Series
			a.get("/v1/metrics/step_count/series?start=2026-03-10&end=2026-03-11&bucket=1d", ada.key).wants(http.StatusOK).into(&series)
			if len(series.Points) != 1 || series.Points[0].Sum == nil || *series.Points[0].Sum != 1000 {
				t.Errorf("the day is %+v", series.Points)
			}
		})
	}
}
