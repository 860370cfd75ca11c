package server

import (
	"net/http"
	"testing"
)

const (
	sentWorkout = `{"data":{"workouts":[
		{"id":"6F1C2C1E-0000-4000-8000-000000000001","name":"Dauerlauf","start":"2026-03-10 07:00:05 +0100","end":"2026-03-10 07:30:05 +0100","duration":1795,
			"distance":{"qty":5.1,"units":"km"},"heartRateData":[{"date":"2026-03-10 07:01:00 +0100","Min":120,"Avg":130,"Max":140,"units":"bpm"}]},
		{"id":"6F1C2C1E-0000-4000-8000-000000000002","name":"Yoga","start":"2026-03-10 19:00:00 +0100","end":"2026-03-10 20:00:00 +0100","duration":3600}]}}`
	exportedWorkout = `<?xml version="1.0"?>
<HealthData locale="de">
 <ExportDate value="2026-03-20 10:00:00 +0100"/>
 <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="29.9" durationUnit="min" sourceName="Anna’s Watch" startDate="2026-03-10 07:00:05 +0100" endDate="2026-03-10 07:30:05 +0100">
  <WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning" startDate="2026-03-10 07:00:05 +0100" endDate="2026-03-10 07:30:05 +0100" sum="5.1" unit="km"/>
  <MetadataEntry key="HKElevationAscended" value="6575 cm"/>
  <WorkoutRoute sourceName="Anna’s Watch" startDate="2026-03-10 07:00:05 +0100" endDate="2026-03-10 07:30:05 +0100">
   <Location date="2026-03-10 07:00:05 +0100" latitude="52.5" longitude="13.4" altitude="34" horizontalAccuracy="3" verticalAccuracy="3" course="0" speed="2.8"/>
   <Location date="2026-03-10 07:30:05 +0100" latitude="52.54" longitude="13.4" altitude="35" horizontalAccuracy="3" verticalAccuracy="3" course="0" speed="2.8"/>
  </WorkoutRoute>
 </Workout>
</HealthData>`
)

type shownWorkout struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Source     string `json:"source"`
	Quantities map[string]struct {
		Value float64 `json:"qty"`
	} `json:"quantities"`
	AlsoFrom []shownWorkout   `json:"also_from"`
	HasRoute bool             `json:"has_route"`
	Series   map[string][]any `json:"series"`
}

// A workout that comes from the app and from Apple's export, in any order and again, is one for the person: in listings,
// in the summary of its day and among the records. What only one of the two knows is part of it.
func TestWorkoutReceivedTwoWaysIsOne(t *testing.T) {
	t.Parallel()
	for name, ways := range map[string][]string{
		"the app first":    {"/v1/ingest", "/v1/import", "/v1/ingest", "/v1/import"},
		"the export first": {"/v1/import", "/v1/ingest", "/v1/import", "/v1/ingest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			ada := a.ada()
			for i, way := range ways {
				var counts ingestion
				if way == "/v1/import" {
					counts = a.awaitImport(ada.key, a.do(http.MethodPost, way, ada.key, exportedWorkout))
				} else {
					a.do(http.MethodPost, way, ada.key, sentWorkout).wants(http.StatusOK).into(&counts)
				}
				c := counts.Counts.Workouts
				if want := c.Received; i < 2 && c.Inserted != want || i >= 2 && c.Unchanged != want || want == 0 {
					t.Errorf("%s, time %d: %+v", way, i/2+1, c)
				}
			}
			var page struct {
				Workouts   []shownWorkout `json:"workouts"`
				NextCursor *string        `json:"next_cursor"`
			}
			a.get("/v1/workouts", ada.key).wants(http.StatusOK).into(&page)
			if len(page.Workouts) != 2 || page.Workouts[0].Name != "Yoga" || len(page.Workouts[0].AlsoFrom) != 0 {
				t.Fatalf("%+v", page.Workouts)
			}
			run := page.Workouts[1]
			if run.Name != "Dauerlauf" || run.Source != "Anna’s Watch" || run.Quantities["elevation_up"].Value != 65.75 ||
				len(run.AlsoFrom) != 1 || run.AlsoFrom[0].Name != "Running" {
				t.Fatalf("%+v", run)
			}
			a.get("/v1/workouts?limit=1", ada.key).wants(http.StatusOK).into(&page)
			if len(page.Workouts) != 1 || page.NextCursor == nil {
				t.Fatalf("%+v", page)
			}
			second := page
			second.NextCursor = nil
			a.get("/v1/workouts?limit=1&cursor="+*page.NextCursor, ada.key).wants(http.StatusOK).into(&second)
			if len(second.Workouts) != 1 || second.Workouts[0].ID != run.ID || second.NextCursor != nil {
				t.Errorf("the second page: %+v", second)
			}
			for _, id := range []string{run.ID, run.AlsoFrom[0].ID} {
				var detail shownWorkout
				a.get("/v1/workouts/"+id, ada.key).wants(http.StatusOK).into(&detail)
				if detail.ID != run.ID || !detail.HasRoute || len(detail.Series["heart_rate_data"]) != 1 {
					t.Errorf("%+v", detail)
				}
				a.get("/v1/workouts/"+id+"/route", ada.key).wants(http.StatusOK)
			}
			var day struct {
				Days []struct {
					Workouts []shownWorkout `json:"workouts"`
				} `json:"days"`
			}
			a.get("/v1/summary?start=2026-03-10&end=2026-03-10", ada.key).wants(http.StatusOK).into(&day)
			if len(day.Days) != 1 || len(day.Days[0].Workouts) != 2 {
				t.Errorf("the day: %+v", day)
			}
			var records struct {
				Workouts []shownWorkout `json:"workouts"`
			}
			a.get("/v1/records?efforts=true", ada.key).wants(http.StatusOK).into(&records)
			if len(records.Workouts) == 0 {
				t.Error("there are no records")
			}
			for _, r := range records.Workouts {
				if r.Name != "Dauerlauf" && r.Name != "Yoga" {
					t.Errorf("a record of the other entry: %+v", records)
				}
			}
		})
	}
}
