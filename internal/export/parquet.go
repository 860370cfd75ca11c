package export

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/health-export/health-export/internal/health"
)

// rowGroupSize bounds the memory of a Parquet export: a row group is in memory until it is written. rowsPerWrite rows
// are passed to the library at once.
const (
	rowGroupSize = 32 << 10
	rowsPerWrite = 512
)

// The rows. Times are microseconds in UTC; offset is that of the recording in seconds, so that start + offset is the
// person's local time; end_offset is the same for the end. Attributes and quantities are JSON as text. Optional columns are null where the value is absent:
// a text where it is "".
type (
	sampleRow struct {
		Metric     string   `parquet:"metric,dict"`
		Unit       string   `parquet:"unit,dict"`
		Start      int64    `parquet:"start,timestamp(microsecond),delta"`
		End        int64    `parquet:"end,timestamp(microsecond),delta"`
		Offset     int32    `parquet:"offset,dict"`
		Value      *float64 `parquet:"value,optional"`
		Min        *float64 `parquet:"min,optional"`
		Average    *float64 `parquet:"avg,optional"`
		Max        *float64 `parquet:"max,optional"`
		Systolic   *float64 `parquet:"systolic,optional"`
		Diastolic  *float64 `parquet:"diastolic,optional"`
		Grain      int32    `parquet:"grain,dict"`
		Source     string   `parquet:"source,dict"`
		Attributes string   `parquet:"attributes,optional"`
	}
	sleepRow struct {
		Stage      string   `parquet:"stage,dict"` // "" for a night
		Date       int32    `parquet:"date,date"`
		Start      *int64   `parquet:"start,optional,timestamp(microsecond)"`
		End        *int64   `parquet:"end,optional,timestamp(microsecond)"`
		InBedStart *int64   `parquet:"in_bed_start,optional,timestamp(microsecond)"`
		InBedEnd   *int64   `parquet:"in_bed_end,optional,timestamp(microsecond)"`
		Offset     int32    `parquet:"offset,dict"`     // of the starts
		EndOffset  int32    `parquet:"end_offset,dict"` // of the ends
		Total      *float64 `parquet:"total,optional"`
		Asleep     *float64 `parquet:"asleep,optional"`
		Core       *float64 `parquet:"core,optional"`
		Deep       *float64 `parquet:"deep,optional"`
		REM        *float64 `parquet:"rem,optional"`
		Awake      *float64 `parquet:"awake,optional"`
		InBed      *float64 `parquet:"in_bed,optional"`
		Source     string   `parquet:"source,dict"`
		Attributes string   `parquet:"attributes,optional"`
	}
	workoutRow struct {
		ID         string   `parquet:"id"`
		AppID      string   `parquet:"app_id,optional"`
		Name       string   `parquet:"name,dict"`
		Start      int64    `parquet:"start,timestamp(microsecond)"`
		End        *int64   `parquet:"end,optional,timestamp(microsecond)"`
		Offset     int32    `parquet:"offset,dict"`     // of the starts
		EndOffset  int32    `parquet:"end_offset,dict"` // of the ends
		Duration   *float64 `parquet:"duration,optional"`
		Source     string   `parquet:"source,dict"`
		Quantities string   `parquet:"quantities,optional"`
		Points     int32    `parquet:"route_points"`
		Attributes string   `parquet:"attributes,optional"`
	}
	eventRow struct {
		Kind       string `parquet:"kind,dict"`
		AppID      string `parquet:"app_id,optional"`
		Name       string `parquet:"name,dict"`
		Start      *int64 `parquet:"start,optional,timestamp(microsecond)"`
		End        *int64 `parquet:"end,optional,timestamp(microsecond)"`
		Offset     int32  `parquet:"offset,dict"`
		Source     string `parquet:"source,dict"`
		Attributes string `parquet:"attributes,optional"`
	}
	ecgRow struct {
		Start             int64     `parquet:"start,timestamp(microsecond)"`
		End               *int64    `parquet:"end,optional,timestamp(microsecond)"`
		Offset            int32     `parquet:"offset,dict"`
		Classification    string    `parquet:"classification,dict"`
		Severity          string    `parquet:"severity,dict"`
		AverageHeartRate  *float64  `parquet:"average_heart_rate,optional"`
		SamplingFrequency *float64  `parquet:"sampling_frequency,optional"`
		Unit              string    `parquet:"unit,dict"`
		Source            string    `parquet:"source,dict"`
		Voltages          []float64 `parquet:"voltages,list"`
		Attributes        string    `parquet:"attributes,optional"`
	}
)

// parquetEncoder writes one table as Parquet with zstd: the one that is not nil. Records of another type are an error.
type parquetEncoder struct {
	samples  *parquetTable[sampleRow]
	sleep    *parquetTable[sleepRow]
	workouts *parquetTable[workoutRow]
	events   *parquetTable[eventRow]
	ecgs     *parquetTable[ecgRow]
}

func newParquet(w io.Writer, t Type) *parquetEncoder {
	p := &parquetEncoder{}
	switch t {
	case TypeSamples:
		p.samples = newParquetTable[sampleRow](w)
	case TypeSleep:
		p.sleep = newParquetTable[sleepRow](w)
	case TypeWorkouts:
		p.workouts = newParquetTable[workoutRow](w)
	case TypeEvents:
		p.events = newParquetTable[eventRow](w)
	case TypeECG:
		p.ecgs = newParquetTable[ecgRow](w)
	}
	return p
}

func (p *parquetEncoder) sample(s *health.Sample) error {
	value, average := valueOrAverage(s.Value, s.Min, s.Max)
	_, end := s.Span()
	return p.samples.add(sampleRow{
		Metric: s.Metric, Unit: s.Unit, Start: int64(s.Start), End: int64(end), Offset: s.Offset,
		Value: optionalNumber(value), Min: optionalNumber(s.Min), Average: optionalNumber(average), Max: optionalNumber(s.Max),
		Systolic: optionalNumber(s.Systolic), Diastolic: optionalNumber(s.Diastolic),
		Grain: int32(s.Grain), Source: s.Source, Attributes: s.Attributes,
	})
}

func (p *parquetEncoder) night(n *health.Night) error { return p.addSleep(n, "") }

func (p *parquetEncoder) segment(s *health.Segment) error {
	return p.addSleep(segmentAsNight(s), s.Stage)
}

func (p *parquetEncoder) addSleep(n *health.Night, stage health.Stage) error {
	return p.sleep.add(sleepRow{
		Stage: string(stage), Date: int32(n.Date), Start: optionalMicros(n.SleepStart), End: optionalMicros(n.SleepEnd),
		InBedStart: optionalMicros(n.InBedStart), InBedEnd: optionalMicros(n.InBedEnd),
		Offset: n.StartOffset(), EndOffset: n.Offset,
		Total: optionalNumber(n.TotalSleep()), Asleep: optionalNumber(n.Asleep), Core: optionalNumber(n.Core), Deep: optionalNumber(n.Deep),
		REM: optionalNumber(n.REM), Awake: optionalNumber(n.Awake), InBed: optionalNumber(n.InBed),
		Source: n.Source, Attributes: n.Attributes,
	})
}

func (p *parquetEncoder) workout(w *health.Workout) error {
	return p.workouts.add(workoutRow{
		ID: w.ID.String(), AppID: w.AppID, Name: w.Name, Start: int64(w.Start), End: optionalMicros(w.End),
		Offset: w.Offset, EndOffset: w.EndOffset(), Duration: optionalNumber(w.Duration), Source: w.Source,
		Quantities: string(appendQuantities(nil, w.Quantities)),
		Points:     int32(len(w.Route)), Attributes: w.Attributes,
	})
}

func (p *parquetEncoder) event(e *health.Event) error {
	return p.events.add(eventRow{
		Kind: e.Kind, AppID: e.AppID, Name: e.Name, Start: optionalMicros(e.Start), End: optionalMicros(e.End),
		Offset: e.Offset, Source: e.Source, Attributes: e.Attributes,
	})
}

func (p *parquetEncoder) ecg(e *health.ECG) error {
	return p.ecgs.add(ecgRow{
		Start: int64(e.Start), End: optionalMicros(e.End), Offset: e.Offset, Classification: e.Classification,
		Severity: e.Severity, AverageHeartRate: optionalNumber(e.AverageHeartRate),
		SamplingFrequency: optionalNumber(e.SamplingFrequency), Unit: e.Unit, Source: e.Source,
		Voltages: e.Voltages, Attributes: e.Attributes,
	})
}

// close writes the footer, without which the file cannot be read.
func (p *parquetEncoder) close() error {
	return errors.Join(p.samples.close(), p.sleep.close(), p.workouts.close(), p.events.close(), p.ecgs.close())
}

// parquetTable collects rows and passes them to the library in batches.
type parquetTable[Row any] struct {
	writer *parquet.GenericWriter[Row]
	rows   []Row
}

func newParquetTable[Row any](w io.Writer) *parquetTable[Row] {
	return &parquetTable[Row]{
		writer: parquet.NewGenericWriter[Row](w,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
			parquet.MaxRowsPerRowGroup(rowGroupSize),
			parquet.CreatedBy("health-export", "", ""),
		),
		rows: make([]Row, 0, rowsPerWrite),
	}
}

func (t *parquetTable[Row]) add(row Row) error {
	if t == nil {
		return errors.New("export: this does not belong in the table")
	}
	t.rows = append(t.rows, row)
	if len(t.rows) < rowsPerWrite {
		return nil
	}
	return t.flush()
}

func (t *parquetTable[Row]) flush() error {
	_, err := t.writer.Write(t.rows)
	t.rows = t.rows[:0]
	return err
}

func (t *parquetTable[Row]) close() error {
	if t == nil {
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.writer.Close()
}

func optionalMicros(i health.Instant) *int64 {
	if i == 0 {
		return nil
	}
	n := int64(i)
	return &n
}
