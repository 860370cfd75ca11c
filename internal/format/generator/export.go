package generator

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// ExportOptions describe an export of the Health app.
type ExportOptions struct {
	// Bytes is the approximate length of the XML.
	Bytes int64
	// Seed seeds the values; equal options write equal exports.
	Seed uint64
	// Start is the time of the first records. The zero time stands for 2016-01-01 at +01:00.
	Start time.Time
}

// Export is the content of an export in numbers.
type Export struct {
	// Records, Workouts and Summaries count the elements. No two of them are equal.
	Records, Workouts, Summaries int
	// Bytes is the length of the XML.
	Bytes int64
}

// recordType describes the records of one type. share is their part of the XML in thousandths, that of an export of ten
// years with a watch.
type recordType struct {
	name, unit string
	share      int
	low, high  float64
	digits     int                   // behind the point
	interval   time.Duration         // on average
	length     time.Duration         // 0 for an instant
	value      string                // of a category
	children   func(e *exportWriter) // what stands within the record
}

const exportHeader = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord|Audiogram|VisionPrescription)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
]>
<HealthData locale="en_GB">
 <ExportDate value="2026-01-01 12:00:00 +0100"/>
 <Me HKCharacteristicTypeIdentifierDateOfBirth="1980-05-05" HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexNotSet"/>
`

var recordTypes = []recordType{
	{name: "HKQuantityTypeIdentifierHeartRate", unit: "count/min", share: 340, low: 45, high: 160, interval: 3 * time.Minute, children: writeMotionContext},
	{name: "HKQuantityTypeIdentifierActiveEnergyBurned", unit: "kcal", share: 270, low: 0.05, high: 9, digits: 3, interval: 2 * time.Minute, length: 61 * time.Second},
	{name: "HKQuantityTypeIdentifierBasalEnergyBurned", unit: "kcal", share: 120, low: 5, high: 30, digits: 3, interval: 12 * time.Minute, length: 10 * time.Minute},
	{name: "HKQuantityTypeIdentifierStepCount", unit: "count", share: 80, low: 1, high: 900, interval: 15 * time.Minute, length: 9 * time.Minute},
	{name: "HKQuantityTypeIdentifierDistanceWalkingRunning", unit: "km", share: 90, low: 0.001, high: 0.8, digits: 5, interval: 14 * time.Minute, length: 9 * time.Minute},
	{name: "HKQuantityTypeIdentifierOxygenSaturation", unit: "%", share: 20, low: 0.92, high: 1, digits: 2, interval: 40 * time.Minute},
	{name: "HKQuantityTypeIdentifierHeartRateVariabilitySDNN", unit: "ms", share: 40, low: 15, high: 120, digits: 4, interval: 4 * time.Hour, length: time.Minute, children: writeHeartBeats},
	{name: "HKQuantityTypeIdentifierRespiratoryRate", unit: "count/min", share: 15, low: 9, high: 22, digits: 1, interval: 25 * time.Minute},
	{name: "HKCategoryTypeIdentifierSleepAnalysis", share: 15, interval: 45 * time.Minute, length: 40 * time.Minute, value: "HKCategoryValueSleepAnalysisAsleepCore", children: writeTimeZone},
	{name: "HKCategoryTypeIdentifierAppleStandHour", share: 10, interval: time.Hour, length: 59 * time.Minute, value: "HKCategoryValueAppleStandHourStood"},
}

// exportWriter writes one export.
type exportWriter struct {
	out     *bufio.Writer
	options ExportOptions
	random  *rand.Rand
	stats   Export
	line    []byte
	days    int
	routes  []string
}

// WriteExport writes the XML of an export. It does not hold it in memory.
func WriteExport(w io.Writer, o ExportOptions) (Export, error) {
	e := newExporter(w, o)
	e.write()
	return e.stats, e.out.Flush()
}

// WriteExportArchive writes an export as the phone does, as a zip with the XML and the routes of the workouts.
func WriteExportArchive(w io.Writer, o ExportOptions) (Export, error) {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	main, err := archive.Create("apple_health_export/export.xml")
	if err != nil {
		return Export{}, err
	}
	e := newExporter(main, o)
	e.write()
	if err := e.out.Flush(); err != nil {
		return e.stats, err
	}
	for i, name := range e.routes {
		file, err := archive.Create("apple_health_export" + name)
		if err != nil {
			return e.stats, err
		}
		e.out.Reset(file)
		e.route(i)
		if err := e.out.Flush(); err != nil {
			return e.stats, err
		}
	}
	return e.stats, archive.Close()
}

func newExporter(w io.Writer, o ExportOptions) *exportWriter {
	if o.Start.IsZero() {
		o.Start = time.Date(2016, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	}
	return &exportWriter{days: min(int(o.Bytes/bytesPerDay)+1, int(maxSpan/(24*time.Hour))), out: bufio.NewWriterSize(w, 64<<10), options: o, random: rand.New(rand.NewPCG(o.Seed, o.Seed))}
}

func (e *exportWriter) write() {
	e.text(exportHeader)
	for i := range recordTypes {
		e.records(&recordTypes[i])
	}
	for day := range e.days {
		e.day(day)
	}
	e.text("</HealthData>\n")
}

// text writes s. An error of the writer is returned when it is flushed.
func (e *exportWriter) text(s string) {
	n, _ := e.out.WriteString(s)
	e.stats.Bytes += int64(n)
}

func (e *exportWriter) flushLine() {
	n, _ := e.out.Write(e.line)
	e.stats.Bytes += int64(n)
	e.line = e.line[:0]
}

// All records are within maxSpan; larger exports are denser.
const (
	maxSpan        = 9 * 365 * 24 * time.Hour
	dayElementSize = 1400 // approximate bytes of a workout and a summary
	bytesPerDay    = 100_000
	recordSize     = 400 // approximate bytes
)

func (e *exportWriter) records(t *recordType) {
	size := (e.options.Bytes - int64(e.days)*dayElementSize) * int64(t.share) / 1000
	every := min(t.interval, maxSpan/time.Duration(size/recordSize+1))
	end := e.stats.Bytes + size
	at := e.options.Start
	for e.stats.Bytes < end {
		at = at.Add(time.Second + time.Duration(e.random.Int64N(int64(2*every))).Truncate(time.Second))
		e.record(t, at)
	}
}

func (e *exportWriter) record(t *recordType, at time.Time) {
	source, device := "Kim’s Apple Watch", "&lt;&lt;HKDevice: 0x2820b0&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2, software:11.1&gt;"
	if t.length > 0 && e.random.IntN(4) == 0 {
		source, device = "Kim’s iPhone", "&lt;&lt;HKDevice: 0x2820c0&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone14,2, software:18.1&gt;"
	}
	e.line = fmt.Appendf(e.line, ` <Record type=%q sourceName=%q sourceVersion="11.1" device=%q`, t.name, source, device)
	if t.unit != "" {
		e.line = fmt.Appendf(e.line, ` unit=%q`, t.unit)
	}
	e.date("creationDate", at.Add(t.length+4*time.Second))
	e.date("startDate", at)
	e.date("endDate", at.Add(t.length))
	e.line = append(e.line, ` value="`...)
	if t.value != "" {
		e.line = append(e.line, t.value...)
	} else {
		e.line = strconv.AppendFloat(e.line, t.low+e.random.Float64()*(t.high-t.low), 'f', t.digits, 64)
	}
	if t.children == nil {
		e.line = append(e.line, "\"/>\n"...)
	} else {
		e.line = append(e.line, "\">\n"...)
		t.children(e)
		e.line = append(e.line, " </Record>\n"...)
	}
	e.stats.Records++
	e.flushLine()
}

func (e *exportWriter) date(name string, at time.Time) {
	e.line = append(append(append(e.line, ' '), name...), `="`...)
	e.line = at.AppendFormat(e.line, "2006-01-02 15:04:05 -0700")
	e.line = append(e.line, '"')
}

func writeMotionContext(e *exportWriter) {
	e.line = fmt.Appendf(e.line, "  <MetadataEntry key=\"HKMetadataKeyHeartRateMotionContext\" value=\"%d\"/>\n", e.random.IntN(3))
}

func writeTimeZone(e *exportWriter) {
	e.line = append(e.line, "  <MetadataEntry key=\"HKTimeZone\" value=\"Europe/Berlin\"/>\n"...)
}

func writeHeartBeats(e *exportWriter) {
	e.line = append(e.line, "  <HeartRateVariabilityMetadataList>\n"...)
	for i := range 30 {
		e.line = fmt.Appendf(e.line, "   <InstantaneousBeatsPerMinute bpm=\"%d\" time=\"8:20:%02d,%02d AM\"/>\n", 50+e.random.IntN(40), i*2, e.random.IntN(100))
	}
	e.line = append(e.line, "  </HeartRateVariabilityMetadataList>\n"...)
}

// day writes a workout and a summary.
func (e *exportWriter) day(day int) {
	at := e.options.Start.AddDate(0, 0, day).Add(18 * time.Hour)
	file := fmt.Sprintf("/workout-routes/route_%s_%d.gpx", at.Format(time.DateOnly), day)
	e.routes = append(e.routes, file)
	e.line = append(e.line, ` <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="29.5" durationUnit="min" sourceName="Kim’s Apple Watch"`...)
	e.date("startDate", at)
	e.date("endDate", at.Add(30*time.Minute))
	e.line = append(e.line, ">\n"...)
	for _, statistics := range []string{
		`type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="310.5" unit="kcal"`,
		`type="HKQuantityTypeIdentifierDistanceWalkingRunning" sum="5.12" unit="km"`,
		`type="HKQuantityTypeIdentifierHeartRate" average="151.2" minimum="98" maximum="176" unit="count/min"`,
	} {
		e.line = append(append(e.line, "  <WorkoutStatistics "...), statistics...)
		e.date("startDate", at)
		e.date("endDate", at.Add(30*time.Minute))
		e.line = append(e.line, "/>\n"...)
	}
	e.line = append(e.line, `  <WorkoutRoute sourceName="Kim’s Apple Watch"`...)
	e.date("startDate", at)
	e.date("endDate", at.Add(30*time.Minute))
	e.line = fmt.Appendf(e.line, "><FileReference path=%q/></WorkoutRoute>\n </Workout>\n", file)
	e.line = fmt.Appendf(e.line, " <ActivitySummary dateComponents=%q activeEnergyBurned=\"%d\" activeEnergyBurnedGoal=\"600\" activeEnergyBurnedUnit=\"kcal\" appleExerciseTime=\"%d\" appleExerciseTimeGoal=\"30\" appleStandHours=\"12\" appleStandHoursGoal=\"12\"/>\n",
		at.Format(time.DateOnly), 400+e.random.IntN(300), 10+e.random.IntN(60))
	e.stats.Workouts++
	e.stats.Summaries++
	e.flushLine()
}

// route writes the GPX of a workout, with a point every ten seconds.
func (e *exportWriter) route(day int) {
	at := e.options.Start.AddDate(0, 0, day).Add(18 * time.Hour).UTC()
	e.line = append(e.line, `<?xml version="1.0" encoding="UTF-8"?><gpx version="1.1" creator="Apple Health Export" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>`...)
	latitude, longitude := 48.1, 11.5
	for i := range 180 {
		latitude += 1e-4 * e.random.Float64()
		longitude += 1e-4 * e.random.Float64()
		e.line = fmt.Appendf(e.line, "\n<trkpt lon=\"%.6f\" lat=\"%.6f\"><ele>511.2</ele><time>%s</time><extensions><speed>2.8</speed><course>50.5</course><hAcc>3.1</hAcc><vAcc>2.7</vAcc></extensions></trkpt>",
			longitude, latitude, at.Add(time.Duration(i)*10*time.Second).Format(time.RFC3339))
	}
	e.line = append(e.line, "\n</trkseg></trk></gpx>\n"...)
	_, _ = e.out.Write(e.line)
	e.line = e.line[:0]
}
