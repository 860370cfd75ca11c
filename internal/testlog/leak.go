package testlog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// forbidden is what no line may contain, whether it was sent or not.
var forbidden = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"an API key", regexp.MustCompile(`hea_[0-9A-Za-z]{6,}_[0-9A-Za-z]{6,}`)},
	{"the password of an address", regexp.MustCompile(`[a-z]+://[^/\s:@"]*:[^/\s@"]+@`)},
	{"an e-mail address", regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}`)},
}

// numericAttributes are the attributes that may be numbers. Any other number could be a health value.
var numericAttributes = []string{"status", "bytes_in", "bytes_out", "duration", "attempt", "count", "days"}

// fixedAttributes have values from a fixed set, which may be in a body by chance.
var fixedAttributes = []string{"time", "level", "method", "route"}

const (
	minTextLength    = 5 // of a sent text: shorter ones are in every sentence
	minNumberLength  = 4
	maxTexts         = 2_000    // sent texts
	maxContentLength = 64 << 10 // bytes of a body that are looked at
)

// sentTexts are texts and numbers that were sent, and must not be in a line.
type sentTexts struct{ list []string }

var (
	// jsonStrings matches the strings of a JSON body with the colon that follows the names of members.
	jsonStrings = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"\s*(:?)`)
	// distinctiveNumbers matches numbers with a fraction, or with so many digits that they are not in a line by chance.
	distinctiveNumbers = regexp.MustCompile(`-?\d+\.\d+|-?\d{5,}`)
)

// add adds the values of a body in any format.
func (s *sentTexts) add(content string) {
	content = content[:min(len(content), maxContentLength)]
	if strings.HasPrefix(strings.TrimSpace(content), "{") {
		for _, found := range jsonStrings.FindAllStringSubmatch(content, -1) {
			if found[2] == "" {
				s.addText(found[1], minTextLength)
			}
		}
		content = jsonStrings.ReplaceAllString(content, " ")
	} else {
		for _, field := range strings.FieldsFunc(content, func(r rune) bool { return strings.ContainsRune(",;<>\"=&\r\n\t", r) }) {
			s.addText(field, minTextLength)
		}
	}
	for _, number := range distinctiveNumbers.FindAllString(content, -1) {
		s.addText(number, minNumberLength)
	}
}

func (s *sentTexts) addText(text string, shortest int) {
	if text = strings.TrimSpace(text); len(text) >= shortest && len(text) < 500 && len(s.list) < maxTexts && !slices.Contains(s.list, text) {
		s.list = append(s.list, text)
	}
}

// leaksIn returns what a line contains that it must not.
func (s *sentTexts) leaksIn(line string) (leaks []string) {
	for _, f := range forbidden {
		if found := f.pattern.FindString(line); found != "" {
			leaks = append(leaks, f.what+" ("+found+")")
		}
	}
	var attributes map[string]any
	if json.Unmarshal([]byte(line), &attributes) != nil {
		return append(leaks, s.leaksInText(line)...)
	}
	return append(leaks, s.leaksInAttributes(attributes)...)
}

func (s *sentTexts) leaksInAttributes(attributes map[string]any) (leaks []string) {
	for name, value := range attributes {
		switch value := value.(type) {
		case map[string]any:
			leaks = append(leaks, s.leaksInAttributes(value)...)
		case string:
			if !slices.Contains(fixedAttributes, name) {
				leaks = append(leaks, s.leaksInText(value)...)
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

// leaksInText returns the sent texts that are in a text, delimited as words.
func (s *sentTexts) leaksInText(text string) (leaks []string) {
	for _, sent := range s.list {
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

// isWordCharacter reports whether there is a letter, a digit or an underscore at an index.
func isWordCharacter(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}
