package xmlscan

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// events renders the tokens of a scanner, one per line, consecutive texts as one.
func events(r io.Reader) (list []string, err error) {
	s := New(r)
	for {
		kind, err := s.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return list, err
		}
		switch kind {
		case Start:
			line := "<" + string(s.Name())
			for _, a := range s.Attrs() {
				line += fmt.Sprintf(" %s=%q", a.Name, s.Value(&a))
			}
			list = append(list, line)
		case End:
			list = append(list, "/"+string(s.Name()))
		case Text:
			list = addText(list, string(s.Text()))
		}
	}
}

func addText(list []string, text string) []string {
	if n := len(list); n > 0 && strings.HasPrefix(list[n-1], "'") {
		list[n-1] += text
		return list
	}
	return append(list, "'"+text)
}

func TestScanner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want []string
		err  error
	}{
		"elements":        {in: `<a><b c="1" d='2'/></a>`, want: []string{`<a`, `<b c="1" d="2"`, `/b`, `/a`}},
		"references":      {in: `<a b="&lt;&gt;&amp;&apos;&quot;&#8217;&#x2019;"/>`, want: []string{`<a b="<>&'\"’’"`, `/a`}},
		"unknown entity":  {in: `<a b="&lol; & &#; &#xZ; &#99999999;"/>`, want: []string{`<a b="&lol; & &#; &#xZ; &#99999999;"`, `/a`}},
		"brackets":        {in: `<a b="x>y/>"/>`, want: []string{`<a b="x>y/>"`, `/a`}},
		"twice":           {in: `<a b="1" b="2"/>`, want: []string{`<a b="1" b="2"`, `/a`}},
		"name with blank": {in: `<a Withings User="1" b = "2"/>`, want: []string{`<a Withings User="1" b="2"`, `/a`}},
		"control":         {in: "<a b=\"x\x0by\"/>", want: []string{`<a b="x\vy"`, `/a`}},
		"text":            {in: "<a> x &amp; y\r\nz <![CDATA[<&amp;>]]></a>", want: []string{`<a`, "' x & y\nz <&amp;>", `/a`}},
		"passed over":     {in: "\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <a> --><a/>\n<!-- -->", want: []string{`<a`, `/a`}},
		"type":            {in: "<!DOCTYPE a [<!ELEMENT a (b)> <!-- <a> --> <!ATTLIST a b CDATA>]><a/>", want: []string{`<a`, `/a`}},
		"malformed type":  {in: "<!DOCTYPE a [<!ELEMENT a (b) <!ATTLIST ab]><a c='1'/>", want: []string{`<a c="1"`, `/a`}},
		"short type":      {in: "<!DOCTYPE abcdefgh><abcdefgh/>", want: []string{`<abcdefgh`, `/abcdefgh`}},
		"entities":        {in: `<!DOCTYPE a [<!ENTITY l "ha">]><a/>`, err: ErrEntities},
		"cut off":         {in: `<a><b>`, want: []string{`<a`, `<b`}, err: ErrTruncated},
		"cut off in tag":  {in: `<a><b c="`, want: []string{`<a`}, err: ErrTruncated},
		"cut off in type": {in: `<!DOCTYPE a [`, err: ErrTruncated},
		"nothing":         {in: ` `, err: ErrTruncated},
		"mismatch":        {in: `<a></b>`, want: []string{`<a`}, err: ErrSyntax},
		"no quotes":       {in: `<a b=c/>`, err: ErrSyntax},
		"no value":        {in: `<a b/>`, err: ErrSyntax},
		"two roots":       {in: `<a/><b/>`, want: []string{`<a`, `/a`}, err: ErrSyntax},
		"text outside":    {in: `x<a/>`, err: ErrSyntax},
		"deep":            {in: strings.Repeat("<a>", 65), want: slicesOf("<a", 64), err: ErrTooDeep},
		"long tag":        {in: `<a b="` + strings.Repeat("x", maxTag+windowSize), err: ErrTooLong},
		"long text":       {in: `<a>` + strings.Repeat("xy&amp;", maxText) + `</a>`, want: []string{`<a`, `'` + strings.Repeat("xy&", maxText), `/a`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := events(strings.NewReader(c.in))
			if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v; events (-want +got)\n%s", err, c.err, diff)
			}
			if len(c.in) > 1000 {
				return
			}
			again, err := events(iotest.OneByteReader(strings.NewReader(c.in)))
			if diff := cmp.Diff(c.want, again); diff != "" || !errors.Is(err, c.err) {
				t.Errorf("byte by byte: error %v, want %v; events (-want +got)\n%s", err, c.err, diff)
			}
		})
	}
}

func slicesOf(text string, n int) (list []string) {
	for range n {
		list = append(list, text)
	}
	return list
}

func TestScannerDoesNotAllocate(t *testing.T) {
	document := []byte("<a>" + strings.Repeat(`<Record type="x" sourceName="Kim&#8217;s Watch" value="12"/>`, 20_000) + "</a>")
	var s *Scanner
	took := testing.AllocsPerRun(5, func() {
		s = New(bytes.NewReader(document))
		for {
			if _, err := s.Next(); err != nil {
				return
			}
		}
	})
	if took > 20 {
		t.Errorf("%.0f allocations for 20,000 elements", took)
	}
}

// oracle renders the tokens of encoding/xml. ok is false where it returns an error, or where the two differ by design:
// encoding/xml does not require a root element, translates names, and leaves the DOCTYPE to its caller.
func oracle(document []byte) (list []string, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(document))
	var open []string
	roots := 0
	for {
		token, err := d.RawToken()
		if err != nil {
			return list, errors.Is(err, io.EOF) && len(open) == 0 && roots == 1
		}
		switch token := token.(type) {
		case xml.StartElement:
			if open = append(open, rawName(token.Name)); len(open) == 1 {
				roots++
			}
			if len(open) > maxDepth || len(token.Attr) > maxAttrs {
				return nil, false
			}
			line := "<" + rawName(token.Name)
			for _, a := range token.Attr {
				line += fmt.Sprintf(" %s=%q", rawName(a.Name), a.Value)
			}
			list = append(list, line)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != rawName(token.Name) {
				return nil, false
			}
			open = open[:len(open)-1]
			list = append(list, "/"+rawName(token.Name))
		case xml.CharData:
			if len(open) == 0 && len(bytes.TrimSpace(token)) > 0 {
				return nil, false
			}
			list = addText(list, string(token))
		case xml.Directive:
			return nil, false
		}
	}
}

func rawName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// withoutBlanks drops texts of white space alone, which the scanner skips, and the white space around others, which may
// have been read in parts.
func withoutBlanks(list []string) (dense []string) {
	for _, e := range list {
		if text, ok := strings.CutPrefix(e, "'"); ok {
			if text = strings.Join(strings.Fields(text), ""); text == "" {
				continue
			}
			e = "'" + text
		}
		if n := len(dense); n > 0 && e[0] == '\'' && dense[n-1][0] == '\'' {
			dense[n-1] += e[1:]
			continue
		}
		dense = append(dense, e)
	}
	return dense
}

// FuzzScanner compares the scanner with encoding/xml where that accepts the document, and with itself reading the
// document byte by byte.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0"?><HealthData locale="en"><Record type="a" value="1"><MetadataEntry key="k" value="&lt;v"/></Record></HealthData>`,
		`<a b='"' c="&#10;">x]<!-- - --><![CDATA[]]]]></a>`, "<a\r\n b=\"\r\" />", `<a></a >`, `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`,
		`<a:b xmlns:a="x" a:c=""/>`, `<gpx><trkpt lon="1" lat="2"><ele>3</ele></trkpt></gpx>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, err := events(bytes.NewReader(document))
		again, errAgain := events(iotest.OneByteReader(bytes.NewReader(document)))
		if (err == nil) != (errAgain == nil) || !cmp.Equal(withoutBlanks(got), withoutBlanks(again)) {
			t.Fatalf("byte by byte it is different:\n%q %v\n%q %v", got, err, again, errAgain)
		}
		want, ok := oracle(document)
		if !ok {
			return
		}
		if err != nil {
			t.Fatalf("encoding/xml reads it, we say %v", err)
		}
		if diff := cmp.Diff(withoutBlanks(want), withoutBlanks(got)); diff != "" {
			t.Fatalf("encoding/xml finds something else (-encoding/xml +ours)\n%s", diff)
		}
	})
}
