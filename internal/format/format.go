// Package format reads the languages in which health data arrives: one decoder per payload format, and one explicit
// list of them. Nothing outside this room knows what a vendor's payload looks like.
package format

import (
	"io"
	"iter"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// Decoder reads one body to its end and yields its elements in order.
//
// It streams: what it holds in memory does not grow with the body. It starts no goroutines. A *health.Rejection
// refuses the element whose position is in the record, and the body goes on; any other error ends it and is the last
// thing yielded. That is a *problem.Error of kind Invalid or TooLarge where the body is at fault, and the reader's own
// error where reading failed.
type Decoder func(body io.Reader, options Options) iter.Seq2[health.Record, error]

// Options is what a decoder cannot know from the body.
type Options struct {
	// Location is where the person lives, for times sent without a zone. Nil is UTC.
	Location *time.Location
	// AsOf is called, where it is not nil, before the first record, if the body says when it was made: what it says was
	// so then, however late it is received.
	AsOf func(health.Instant)
}

// Format is one language.
type Format struct {
	Name string
	// Detect reports whether a body that begins with head is in this format. head holds the first bytes of the body,
	// up to DetectSize of them.
	Detect func(head []byte) bool
	Decode Decoder
	// DetectArchive reports whether the files of an archive are in this format, and DecodeArchive reads them as Decode
	// reads a body. They are nil where the format does not come in archives.
	DetectArchive func(*Archive) bool
	DecodeArchive func(*Archive, Options) iter.Seq2[health.Record, error]
	// WithoutEntries is set where no record has an Item: each says all that is to be known of it.
	WithoutEntries bool
}

// DetectSize is how many bytes of a body are enough to recognise its format.
const DetectSize = 64 << 10
