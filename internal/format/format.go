// Package format decodes the formats in which health data arrives: one decoder per format, and one explicit list of
// them. No other package knows what a vendor's payload looks like.
package format

import (
	"io"
	"iter"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// Decoder reads one body to its end and yields its elements in order.
//
// It streams: the memory it takes does not grow with the body. It starts no goroutines. A *health.Rejection is the
// error of one element, whose position is in the record, and the next element follows; any other error is the last
// thing yielded. That is a *problem.Error of kind Invalid or TooLarge where the body is at fault, and the reader's own
// error where reading failed.
type Decoder func(body io.Reader, options Options) iter.Seq2[health.Record, error]

// Options are what a decoder needs besides the body.
type Options struct {
	// Location is where the person lives, for times sent without a zone. Nil is UTC.
	Location *time.Location
	// AsOf, if not nil, is called before the first record with the time at which the body was made, if it has one: its
	// content is as of then, however late it is received.
	AsOf func(health.Instant)
	// FileName is the name of the file that the body is, "" where it is not known. It tells what the content of some files
	// does not: which workout they belong to. What a file is is told by its content.
	FileName string
	// Received is when the body was received: of several years that a date can mean in different calendars, it is one
	// before that. Zero is now.
	Received health.Instant

	times *timeReader // of the body, for the decoders of its elements
}

// timeReader returns the reader of the times of the body.
func (o Options) timeReader() *timeReader {
	if o.times == nil {
		return newTimeReader(o)
	}
	return o.times
}

// Format is one format.
type Format struct {
	Name string
	// Detect reports whether a body is in this format, by head, its first bytes, up to DetectSize of them.
	Detect func(head []byte) bool
	Decode Decoder
	// DetectArchive reports whether the files of an archive are in this format, and DecodeArchive decodes them as
	// Decode decodes a body. They are nil where the format does not come in archives.
	DetectArchive func(*Archive) bool
	DecodeArchive func(*Archive, Options) iter.Seq2[health.Record, error]
	// WithoutEntries is true where no record has an Entry: the samples have their metric and unit themselves.
	WithoutEntries bool
	// LocalTimes is true where the offset of every element is that of where the person was, as far as is known, also where
	// it is 0. Else a time in UTC may come from anywhere.
	LocalTimes bool
	// ByHomeZone is true where the body does not say where the person was for most of what it has: its days are those of
	// Options.Location.
	ByHomeZone bool
}

// DetectSize is the number of bytes of a body that suffice to detect its format.
const DetectSize = 64 << 10
