package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMain also runs the server that the benchmark starts in a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestQuickRun checks that the benchmark runs and reports every part. The values depend on the machine and are not
// checked.
func TestQuickRun(t *testing.T) {
	t.Parallel()
	if os.Getenv(postgresVariable) == "" && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not set: run the tests with scripts/test, which starts a PostgreSQL", postgresVariable)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-quick"}, nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	want := []string{"prepared INSERT of 100 rows", "a row of samples of 5000", "by day, 10 users present", "exported as parquet", "JSON decoding", "XML decoding", "SQLite: import of", "small authenticated POST"}
	if os.Getenv(postgresVariable) == "" {
		want = append(want, "PostgreSQL was not measured")
	} else {
		want = append(want, "binary COPY", "write-ahead log of samples when 5000 points are sent again")
	}
	for _, part := range want {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the report does not have %q", part)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-only", "ingest,lunch"}, {"-points", "0"}, {"-clients", "1,two"}, {"-fast"}} {
		if err := run(t.Context(), args, nil, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestChangeATenth(t *testing.T) {
	t.Parallel()
	const before = `{"data":[{"qty":100,"date":"x"},{"qty":2},{"qty":3},{"qty":4},{"qty":5},{"qty":6},{"qty":7},{"qty":8},{"qty":9},` +
		`{"qty":10},{"Min":50,"Avg":60,"Max":70},{"qty":12}]}`
	after, changes := changeATenth([]byte(before))
	want := strings.NewReplacer(`"qty":100,`, `"qty":99,`, `"Min":50,`, `"Min":49.5,`).Replace(before)
	if diff := cmp.Diff(want, string(after)); diff != "" || changes != 2 {
		t.Errorf("%d changes: %s", changes, diff)
	}
}

func TestTuplesOf(t *testing.T) {
	t.Parallel()
	rows := []string{
		"\x00\x03\x00\x00\x00\x02ab\xff\xff\xff\xff\x00\x00\x00\x01c", // the second column is NULL
		"\x00\x00",
	}
	var got []string
	for _, row := range tuplesOf([]byte(copyHeader + strings.Join(rows, "") + copyTrailer)) {
		got = append(got, string(row))
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Error(diff)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   measurements
		want float64
	}{{measurements{3, 1, 2}, 2}, {measurements{4, 1, 3, 2}, 2.5}, {measurements{7}, 7}} {
		if got := c.of.median(); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}
