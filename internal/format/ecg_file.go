package format

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The lines before the voltages, in the order in which every phone writes them. Their names depend on its language.
const (
	ecgName = iota
	ecgBirth
	ecgRecorded
	ecgClassification
	ecgSymptoms
	ecgSoftware
	ecgDevice
	ecgRate
	ecgLead
	ecgUnit
	ecgKeys
)

// maxVoltages bounds a recording: five minutes at 512 Hz. Apple's watches record 30 seconds.
const maxVoltages = 160_000

// readECGFile reads an electrocardiogram of Apple's export: lines with a name and a value, then one voltage per line,
// with a decimal point or comma. reason says why it cannot be read, "" where it can.
func readECGFile(file io.Reader, times *timeReader) (ecg health.ECG, reason string) {
	ecg = health.ECG{AverageHeartRate: health.Absent(), SamplingFrequency: health.Absent()}
	lines := bufio.NewScanner(file)
	var fields [][2]string
	for lines.Scan() {
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), byteOrderMark))
		if len(line) == 0 {
			continue
		}
		v, ok := parseVoltage(line)
		switch {
		case ok && len(ecg.Voltages) == maxVoltages:
			return ecg, "The electrocardiogram is too long."
		case ok && len(fields) > 0:
			ecg.Voltages = append(ecg.Voltages, v)
		case len(ecg.Voltages) > 0:
			return ecg, "A line among the voltages of the electrocardiogram is not a number."
		case len(fields) < 100:
			fields = append(fields, parseECGLine(line))
		}
	}
	if lines.Err() != nil {
		return ecg, "The file of the electrocardiogram cannot be read."
	}
	return ecg, parseECGHeader(&ecg, fields, times)
}

// parseVoltage reads a line that is a number, with a decimal point or comma.
func parseVoltage(line []byte) (float64, bool) {
	v, ok := xmlNumber(line)
	if ok || bytes.Count(line, []byte(",")) != 1 {
		return v, ok
	}
	return xmlNumber(bytes.Replace(line, []byte(","), []byte("."), 1))
}

func parseECGLine(line []byte) (field [2]string) {
	reader := csv.NewReader(bytes.NewReader(line))
	reader.LazyQuotes, reader.FieldsPerRecord = true, -1
	columns, err := reader.Read()
	if err != nil && !errors.Is(err, io.EOF) || len(columns) == 0 {
		columns = strings.SplitN(string(line), ",", 2)
	}
	field[0] = sanitize([]byte(strings.TrimSpace(columns[0])))
	if len(columns) > 1 {
		field[1] = sanitize([]byte(strings.TrimSpace(strings.Join(columns[1:], ","))))
	}
	return field
}

// parseECGHeader sets what the lines before the voltages say. The name and the date of birth, which are the person's,
// are dropped.
func parseECGHeader(ecg *health.ECG, fields [][2]string, times *timeReader) (reason string) {
	if len(fields) != ecgKeys {
		return "The file of the electrocardiogram does not begin with the ten lines that describe it."
	}
	value := func(i int) string { return fields[i][1] }
	var ok bool
	if ecg.Start, _, ok = times.parse([]byte(value(ecgRecorded))); !ok {
		return "The electrocardiogram does not say when it was recorded."
	}
	ecg.Classification, ecg.Unit = value(ecgClassification), value(ecgUnit)
	if unstorableText(ecg.Classification)+unstorableText(ecg.Unit) != "" {
		return "A text of the electrocardiogram is too long."
	}
	number, _, _ := strings.Cut(value(ecgRate), " ")
	if rate, ok := parseVoltage([]byte(number)); ok && rate > 0 {
		ecg.SamplingFrequency = rate
		length := float64(len(ecg.Voltages)) / rate
		ecg.End = ecg.Start + health.Instant(math.Round(length*float64(health.Second)))
	}
	object := map[string]any{}
	for key, i := range map[string]int{"symptoms": ecgSymptoms, "software_version": ecgSoftware, "device": ecgDevice, "lead": ecgLead} {
		if value(i) != "" {
			object[key] = value(i)
		}
	}
	if len(object) > 0 {
		ecg.Attributes = mustCanonicalObject(object)
	}
	return ""
}
