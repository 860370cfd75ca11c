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

// measures are the attributes that are numbers. Any other number could be one of a person.
var measures = []string{"status", "bytes_in", "bytes_out", "duration", "attempt", "count", "days"}

// chosen are attributes that are the program's own words, which a body may have in it too.
var chosen = []string{"time", "level", "method", "route"}

const (
	shortest       = 5 // of the texts that are looked for: shorter ones are in every sentence
	shortestNumber = 4
	most           = 2_000    // of what is looked for
	longest        = 64 << 10 // of a body that is taken in at once
)

// words are what was sent.
type words struct{ list []string }

var (
	// texts are the strings of a JSON body with what follows, which tells the names of members from values.
	texts = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"\s*(:?)`)
	// numbers are those with a fraction, or so many digits that none is there by chance.
	numbers = regexp.MustCompile(`-?\d+\.\d+|-?\d{5,}`)
)

// add takes the values of a body in any form.
func (w *words) add(content string) {
	content = content[:min(len(content), longest)]
	if strings.HasPrefix(strings.TrimSpace(content), "{") {
		for _, found := range texts.FindAllStringSubmatch(content, -1) {
			if found[2] == "" {
				w.addOne(found[1], shortest)
			}
		}
		content = texts.ReplaceAllString(content, " ")
	} else {
		for _, field := range strings.FieldsFunc(content, func(r rune) bool { return strings.ContainsRune(",;<>\"=&\r\n\t", r) }) {
			w.addOne(field, shortest)
		}
	}
	for _, number := range numbers.FindAllString(content, -1) {
		w.addOne(number, shortestNumber)
	}
}

func (w *words) addOne(text string, shortest int) {
	if text = strings.TrimSpace(text); len(text) >= shortest && len(text) < 500 && len(w.list) < most && !slices.Contains(w.list, text) {
		w.list = append(w.list, text)
	}
}

// leaksIn returns what a line holds that it must not.
func (w *words) leaksIn(line string) (leaks []string) {
	for _, f := range forbidden {
		if found := f.pattern.FindString(line); found != "" {
			leaks = append(leaks, f.what+" ("+found+")")
		}
	}
	var attributes map[string]any
	if json.Unmarshal([]byte(line), &attributes) != nil {
		return append(leaks, w.sentIn(line)...)
	}
	return append(leaks, w.leaksOf(attributes)...)
}

func (w *words) leaksOf(attributes map[string]any) (leaks []string) {
	for name, value := range attributes {
		switch value := value.(type) {
		case map[string]any:
			leaks = append(leaks, w.leaksOf(value)...)
		case string:
			if !slices.Contains(chosen, name) {
				leaks = append(leaks, w.sentIn(value)...)
			}
		case float64:
			if !slices.Contains(measures, name) {
				leaks = append(leaks, "a number that is no measure ("+name+" "+strconv.FormatFloat(value, 'f', -1, 64)+")")
			}
		case []any:
			leaks = append(leaks, "a list ("+name+")")
		}
	}
	return leaks
}

// sentIn returns what was sent and is in a text as a word of its own.
func (w *words) sentIn(text string) (leaks []string) {
	for _, sent := range w.list {
		for from := 0; ; {
			at := strings.Index(text[from:], sent)
			if at < 0 {
				break
			}
			at += from
			if !isPartOfWord(text, at-1) && !isPartOfWord(text, at+len(sent)) {
				leaks = append(leaks, "what was sent ("+sent+")")
				break
			}
			from = at + 1
		}
	}
	return leaks
}

// isPartOfWord reports whether there is a letter, a digit or an underscore at a place.
func isPartOfWord(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}
