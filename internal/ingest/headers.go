package ingest

import (
	"mime"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// keptHeaders are the request headers that describe the body.
var keptHeaders = []string{
	"content-type", "automation-name", "automation-id", "automation-aggregation", "automation-period", "session-id",
	"user-agent", contentDisposition,
}

// contentDisposition is the header with the name of the file that a body is.
const contentDisposition = "content-disposition"

// fileName returns the name of the file that a body is, "" where no header says it.
func fileName(headers map[string]string) string {
	_, parameters, err := mime.ParseMediaType(headers[contentDisposition])
	if err != nil {
		return ""
	}
	return parameters["filename"]
}

// FileHeaders returns the headers of a file that did not come with any.
func FileHeaders(name string) map[string]string {
	return map[string]string{contentDisposition: mime.FormatMediaType("attachment", map[string]string{"filename": name})}
}

// keepHeaders returns the headers to be stored, cut to 1000 bytes each, with invalid UTF-8 replaced: a header is any bytes,
// and must not prevent the body from being archived.
func keepHeaders(headers map[string]string) map[string]string {
	kept := map[string]string{}
	for _, name := range keptHeaders {
		if value := headers[name]; value != "" {
			kept[name] = strings.ToValidUTF8(value[:min(len(value), 1000)], "\uFFFD")
		}
	}
	return kept
}

// headerGrain returns the grain that the automation-aggregation header states. It is GrainUnknown where the header is
// missing, is Default, or has a value that is not known.
func headerGrain(headers map[string]string) health.Grain {
	switch strings.ToLower(strings.TrimSpace(headers["automation-aggregation"])) {
	case "none", "seconds", "second":
		return health.GrainRaw
	case "minutes", "minute":
		return health.GrainMinute
	case "hours", "hour":
		return health.GrainHour
	case "days", "day":
		return health.GrainDay
	case "weeks", "week":
		return health.GrainWeek
	case "months", "month":
		return health.GrainMonth
	case "years", "year":
		return health.GrainYear
	}
	return health.GrainUnknown
}
