package testlog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// What no line may hold, whoever sent it.
var forbidden = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"an API key", regexp.MustCompile(`hea_[0-9A-Za-z]{6,}_[0-9A-Za-z]{6,}`)},
	{"the password of an address", regexp.MustCompile(`[a-z]+://[^/\s:@"]*:[^/\s@"]+@`)},
	{"an e-mail address", regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}`)},
}

// numericAttributes are the attributes that are numbers. Any other number could be one of a person.
var numericAttributes = []string{"status", "bytes_in", "bytes_out", "duration", "attempt", "count", "days"}

// fixedAttributes are attributes that are the program's own words, which a body may have in it too.
var fixedAttributes = []string{"time", "level", "method", "route"}

const (
	minTextLength    = 5 // of the texts that are looked for: shorter ones are in every sentence
	minNumberLength  = 4
	maxTexts         = 2_000    // of what is looked for
	maxContentLength = 64 << 10 // of a body that is taken in at once
)

// sentTexts are what was sent.
type sentTexts struct{ list []string }

var (
	// jsonStrings are the strings of a JSON body with what follows, which tells the names of members from values.
	jsonStrings = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"\s*(:?)`)
	// distinctiveNumbers are those with a fraction, or so many digits that none is there by chance.
	distinctiveNumbers = regexp.MustCompile(`-?\d+\.\d+|-?\d{5,}`)
)

// add takes the values of a body in any form.
func (w *sentTexts) add(content string) {
	content = content[:min(len(content), maxContentLength)]
	if strings.HasPrefix(strings.TrimSpace(content), "{") {
		for _, found := range jsonStrings.FindAllStringSubmatch(content, -1) {
			if found[2] == "" {
				w.addText(found[1], minTextLength)
			}
		}
		content = jsonStrings.ReplaceAllString(content, " ")
	} else {
		for _, field := range strings.FieldsFunc(content, func(r rune) bool { return strings.ContainsRune(",;<>\"=&\r\n\t", r) }) {
			w.addText(field, minTextLength)
		}
	}
	for _, number := range distinctiveNumbers.FindAllString(content, -1) {
		w.addText(number, minNumberLength)
	}
}

func (w *sentTexts) addText(text string, shortest int) {
	if text = strings.TrimSpace(text); len(text) >= shortest && len(text) < 500 && len(w.list) < maxTexts && !slices.Contains(w.list, text) {
		w.list = append(w.list, text)
	}
}

// leaksIn returns what a line holds that it must not.
func (w *sentTexts) leaksIn(line string) (leaks []string) {
	for _, f := range forbidden {
		if found := f.pattern.FindString(line); found != "" {
			leaks = append(leaks, f.what+" ("+found+")")
		}
	}
	var attributes map[string]any
	if json.Unmarshal([]byte(line), &attributes) != nil {
		return append(leaks, w.leaksInText(line)...)
	}
	return append(leaks, w.leaksInAttributes(attributes)...)
}

func (w *sentTexts) leaksInAttributes(attributes map[string]any) (leaks []string) {
	for name, value := range attributes {
		switch value := value.(type) {
		case map[string]any:
			leaks = append(leaks, w.leaksInAttributes(value)...)
		case string:
			if !slices.Contains(fixedAttributes, name) {
				leaks = append(leaks, w.leaksInText(value)...)
			}
		case float64:
			if !slices.Contains(numericAttributes, name) {
				leaks = append(leaks, "a number that is no measure ("+name+" "+strconv.FormatFloat(value, 'f', -1, 64)+")")
			}
		case []any:
			leaks = append(leaks, "a list ("+name+")")
		}
	}
	return leaks
}

// leaksInText returns what was sent and is in a text as a word of its own.
func (w *sentTexts) leaksInText(text string) (leaks []string) {
	for _, sent := range w.list {
		for from := 0; ; {
			at := strings.Index(text[from:], sent)
			if at < 0 {
				break
			}
			at += from
			if !isWordCharacter(text, at-1) && !isWordCharacter(text, at+len(sent)) {
				leaks = append(leaks, "what was sent ("+sent+")")
				break
			}
			from = at + 1
		}
	}
	return leaks
}

// isWordCharacter reports whether there is a letter, a digit or an underscore at a place.
func isWordCharacter(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}
