package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// exportFormats are the measured formats, and whether they have one line per sample.
var exportFormats = []struct {
	name  string
	lines bool
}{{"csv", true}, {"ndjson", true}, {"parquet", false}}

// measureExport measures the growth of the resident memory and the processor time of a server in another process that
// exports raw samples.
func (b *benchRun) measureExport(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		b.logf("exports are measured on Linux only")
		return nil
	}
	return b.forEachEngine(ctx, b.measureExportOn)
}

func (b *benchRun) measureExportOn(ctx context.Context, e engine) error {
	i, users, address, drop, err := startOnNewDatabase(ctx, e, 1)
	if err != nil {
		return err
	}
	defer drop()
	rows := b.scale.days * 24 * 60
	b.logf("export, %s: storing %d raw samples", e.name(), rows)
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -b.scale.days)
	if err := errors.Join(i.storeSamples(ctx, users[0], begin, health.GrainRaw, rows), i.stop(ctx), e.analyze(ctx, address)); err != nil {
		return err
	}
	for _, format := range exportFormats {
		b.logf("export, %s: %s", e.name(), format.name)
		took, grown, lines, err := b.exportOnce(ctx, e, address, users[0], format.name)
		if err != nil {
			return err
		}
		if format.lines && lines < rows {
			return fmt.Errorf("the export as %s has %d lines of %d samples", format.name, lines, rows)
		}
		rate := float64(rows) / work(took).Seconds()
		b.report.add(result{
			name:     fmt.Sprintf("%s: %d raw samples exported as %s, rows a second of processor time", e.name(), rows, format.name),
			measured: fmt.Sprintf("%.0f", rate),
			baseline: fmt.Sprintf("%.2f s of the server, %.2f s of the database, %.2f s by the clock",
				took.program.Seconds(), took.database.Seconds(), took.wall.Seconds()),
			target: "≥ 200,000", met: rate >= 200_000,
		})
		b.report.add(result{
			name: "… resident memory grows by", measured: fmt.Sprintf("%.0f MiB", grown), target: "< 64 MiB", met: grown < 64,
		})
	}
	return nil
}

// exportOnce exports from a new server, after a small request. In the cost, program is the processor time of that
// server.
func (b *benchRun) exportOnce(
	ctx context.Context, e engine, address string, p testUser, format string,
) (took cost, grown float64, lines int, err error) {
	server, err := startServerProcess(ctx, address)
	if err != nil {
		return took, 0, 0, err
	}
	defer server.stop()
	path := "/v1/export?types=samples&metrics=" + metricRead + "&format=" + format
	if _, err := server.download(ctx, path+"&start="+time.Now().AddDate(0, 0, -1).UTC().Format(time.RFC3339), p); err != nil {
		return took, 0, 0, err
	}
	before, err := server.memory("VmRSS")
	if err != nil {
		return took, 0, 0, err
	}
	used := server.processorTime()
	took, err = measure(ctx, e, address, func() (err error) {
		lines, err = server.download(ctx, path, p)
		return err
	})
	took.program = server.processorTime() - used
	if err != nil {
		return took, 0, 0, err
	}
	peak, err := server.memory("VmHWM")
	return took, peak - before, lines, err
}

// download reads a response to its end and counts its lines.
func (c *serverProcess) download(ctx context.Context, path string, p testUser) (lines int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: status %d", path, response.StatusCode)
	}
	buffer := make([]byte, 256<<10)
	for {
		n, err := response.Body.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte("\n"))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
	}
}

// processorTime returns that of all threads of the process, which Linux counts in hundredths of a second.
func (c *serverProcess) processorTime() time.Duration {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.command.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(content), ") ") // the name before it may contain spaces
	var ticks int64
	for i, field := range strings.Fields(rest) {
		if i == 11 || i == 12 { // utime and stime
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
