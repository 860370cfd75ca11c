package generator_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/health-export/health-export/internal/format/generator"
)

// TestExport counts the elements of an export with encoding/xml.
func TestExport(t *testing.T) {
	t.Parallel()
	var text, again bytes.Buffer
	options := generator.ExportOptions{Bytes: 500_000, Seed: 7}
	made, err := generator.WriteExport(&text, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := generator.WriteExport(&again, options); err != nil || !bytes.Equal(text.Bytes(), again.Bytes()) {
		t.Error("the same options write another export", err)
	}
	if made.Bytes != int64(text.Len()) || made.Bytes < 400_000 || made.Bytes > 600_000 {
		t.Errorf("%d bytes, of which it says %d", text.Len(), made.Bytes)
	}
	count := map[string]int{}
	decoder := xml.NewDecoder(&text)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
	if count["Record"] != made.Records || count["Workout"] != made.Workouts || count["ActivitySummary"] != made.Summaries || made.Workouts == 0 {
		t.Errorf("%+v holds %v", made, count)
	}
}

func TestExportArchive(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	made, err := generator.WriteExportArchive(&packed, generator.ExportOptions{Bytes: 300_000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil || len(archive.File) != 1+made.Workouts {
		t.Errorf("%d files for %d workouts, %v", len(archive.File), made.Workouts, err)
	}
}
