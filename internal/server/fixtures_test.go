package server

import "net/http"

// bodyOfAda is a body of the app with one point of a metric.
const bodyOfAda = `{"data":{"metrics":[{"name":"step_count","units":"count","data":[` +
	`{"date":"2026-03-10 00:00:00 +0100","qty":9900,"source":"Watch|iPhone"}]}]}}`

// bodyOfAWorkout is a run with a route and a series.
const bodyOfAWorkout = `{"data":{"workouts":[{"id":"6F1C2C1E-0000-4000-8000-000000000001","name":"Outdoor Run",` +
	`"start":"2026-03-10 07:00:00 +0100","end":"2026-03-10 07:30:00 +0100","duration":1800,` +
	`"activeEnergyBurned":{"qty":300,"units":"kcal"},` +
	`"heartRateData":[{"date":"2026-03-10 07:01:00 +0100","Min":120,"Avg":130,"Max":140,"units":"bpm","source":"Watch"}],` +
	`"route":[{"latitude":52.5,"longitude":13.4,"altitude":34,"timestamp":"2026-03-10 07:00:00 +0100","speed":2.5},` +
	`{"latitude":52.501,"longitude":13.401,"altitude":35,"timestamp":"2026-03-10 07:00:30 +0100","speed":2.6}]}]}}`

// bodyOfEverything has one thing of every kind that can be read back.
const bodyOfEverything = `{"data":{
 "metrics":[
  {"name":"step_count","units":"count","data":[
   {"date":"2026-03-10 08:00:00 +0100","qty":1200,"source":"Watch|iPhone"},
   {"date":"2026-03-10 09:00:00 +0100","qty":800,"source":"Watch|iPhone"}]},
  {"name":"heart_rate","units":"count/min","data":[
   {"date":"2026-03-10 10:00:00 +0100","Min":58,"Avg":61.5,"Max":66,"source":"Watch"}]},
  {"name":"blood_pressure","units":"mmHg","data":[
   {"date":"2026-03-10 08:05:00 +0100","systolic":121,"diastolic":79,"source":"Cuff"}]},
  {"name":"sleep_analysis","units":"hr","data":[
   {"date":"2026-03-10 00:00:00 +0100","source":"Watch","sleepStart":"2026-03-09 23:00:00 +0100",
    "sleepEnd":"2026-03-10 06:30:00 +0100","inBedStart":"2026-03-09 22:50:00 +0100","inBedEnd":"2026-03-10 06:40:00 +0100",
    "totalSleep":7,"core":4,"deep":1,"rem":2,"awake":0.5,"inBed":7.8},
   {"startDate":"2026-03-09 23:00:00 +0100","endDate":"2026-03-09 23:40:00 +0100","value":"Core","qty":0.667,"source":"Ring"}]},
  {"name":"phase_of_the_moon","units":"sickle","data":[
   {"date":"2026-03-10 08:00:00 +0100","qty":3,"source":"Almanac"}]}],
 "symptoms":[{"name":"Headache","start":"2026-03-10 14:00:00 +0100","end":"2026-03-10 16:00:00 +0100",
   "severity":"Mild","userEntered":true,"source":"Health"}],
 "ecg":[{"start":"2026-03-10 12:00:00 +0100","end":"2026-03-10 12:00:30 +0100","classification":"Sinus Rhythm",
   "severity":"normal","averageHeartRate":62,"numberOfVoltageMeasurements":2,"samplingFrequency":512,"source":"Watch",
   "voltageMeasurements":[{"date":"2026-03-10 12:00:00 +0100","voltage":12.5,"units":"mcV"},
    {"date":"2026-03-10 12:00:00 +0100","voltage":-3,"units":"mcV"}]}]}}`

// workoutOf sends a workout and returns its id.
func (a *api) workoutOf(p person) string {
	a.t.Helper()
	a.send(p.key, bodyOfAWorkout)
	var page struct {
		Workouts []struct {
			ID string `json:"id"`
		} `json:"workouts"`
	}
	a.get("/v1/workouts", p.key).wants(http.StatusOK).into(&page)
	if len(page.Workouts) != 1 {
		a.t.Fatalf("there are %d workouts", len(page.Workouts))
	}
	return page.Workouts[0].ID
}
