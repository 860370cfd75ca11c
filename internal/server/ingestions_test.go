package server

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

type ingestionsPage struct {
	Ingestions []ingestion `json:"ingestions"`
	NextCursor *string     `json:"next_cursor"`
}

func TestIngestionsAreListed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	var want []uuid.UUID
	for range 7 {
		want = append(want, a.send(ada.key, bodyOfAda).IngestionID)
	}
	a.do(http.MethodPost, "/v1/ingest", ada.key, `{"hello":"there"}`).wants(http.StatusUnprocessableEntity)
	slices.Reverse(want)

	for limit := 1; limit <= 8; limit++ {
		var got []uuid.UUID
		path := "/v1/ingestions?status=processed&limit=" + strconv.Itoa(limit)
		for cursor := ""; ; {
			var page ingestionsPage
			a.get(path+cursor, ada.key).wants(http.StatusOK).into(&page)
			for _, i := range page.Ingestions {
				got = append(got, i.IngestionID)
			}
			if page.NextCursor == nil {
				break
			}
			if len(page.Ingestions) != limit {
				t.Fatalf("a page of %d has %d", limit, len(page.Ingestions))
			}
			cursor = "&cursor=" + *page.NextCursor
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d:\n%s", limit, diff)
		}
	}
	var all ingestionsPage
	a.get("/v1/ingestions", ada.key).wants(http.StatusOK).into(&all)
	if len(all.Ingestions) != 8 || all.Ingestions[0].Status != health.StatusUnrecognised {
		t.Errorf("without a filter there are %d", len(all.Ingestions))
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?status=done", "?cursor=AAAA"} {
		a.get("/v1/ingestions"+query, ada.key).refused(http.StatusBadRequest, "invalid_parameter")
	}
	if p := a.get("/v1/ingestions?status=done", ada.key).refused(http.StatusBadRequest, "invalid_parameter"); len(p.Allowed) != 6 {
		t.Errorf("the problem does not list what is allowed: %+v", p)
	}
}

func TestOneIngestion(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	before := time.Now().Add(-time.Second)
	sent := encode(t, "gzip", bodyOfEverything)
	r := a.send(ada.key, sent, "Content-Encoding", "gzip", "Automation-Name", "daily", "X-Secret", "no")
	var got ingestion
	a.get("/v1/ingestions/"+r.IngestionID.String(), ada.key).wants(http.StatusOK).into(&got)
	if diff := cmp.Diff(r, got.report); diff != "" {
		t.Errorf("the report differs from the answer:\n%s", diff)
	}
	sum := sha256.Sum256([]byte(bodyOfEverything))
	want := ingestion{
		report: got.report, ReceivedAt: got.ReceivedAt, FinishedAt: got.FinishedAt, Format: "hae", KeyID: got.KeyID, Attempts: 1,
		Size: int64(len(bodyOfEverything)), WireSize: int64(len(sent)), StoredSize: got.StoredSize, SHA256: hex.EncodeToString(sum[:]),
		Headers: map[string]string{"content-type": "application/json", "automation-name": "daily", "user-agent": "Go-http-client/1.1"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ingestion{})); diff != "" {
		t.Errorf("the ingestion differs:\n%s", diff)
	}
	if got.ReceivedAt.Before(before) || got.FinishedAt.Before(got.ReceivedAt) || got.StoredSize == 0 {
		t.Errorf("received %v, finished %v, stored %d", got.ReceivedAt, got.FinishedAt, got.StoredSize)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	sent := a.send(ada.key, bodyOfEverything)
	var again report
	a.do(http.MethodPost, "/v1/ingestions/"+sent.IngestionID.String()+"/replay", ada.key, "").wants(http.StatusOK).into(&again)
	if again.IngestionID != sent.IngestionID || again.Counts.Metrics.Unchanged == 0 || again.Counts.Metrics.Inserted != 0 {
		t.Errorf("the second time: %+v", again.Counts)
	}
	if *again.Processed.Metrics != *sent.Processed.Metrics {
		t.Errorf("%d were processed, then %d", *sent.Processed.Metrics, *again.Processed.Metrics)
	}
	var found ingestion
	a.get("/v1/ingestions/"+sent.IngestionID.String(), ada.key).into(&found)
	if found.Attempts != 2 {
		t.Errorf("there were %d attempts", found.Attempts)
	}
}

func TestCursorsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "!", "AAAA", "AZAAAAAAcACAAAAAAAAAAAAA"} {
		if _, err := parseIngestionCursor(text); problem.KindOf(err) != problem.Invalid {
			t.Errorf("%s is taken for the cursor of a list of ingestions: %v", text, err)
		}
	}
	for _, text := range []string{"x", "!", "AAAA"} {
		if _, _, err := parseAuditCursor(text); problem.KindOf(err) != problem.Invalid {
			t.Errorf("%s is taken for the cursor of the audit log: %v", text, err)
		}
	}
}
