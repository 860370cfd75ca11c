package server

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// require refuses a request in which one of the parameters is absent.
func (p *parameters) require(names ...string) {
	for _, name := range names {
		if p.text(name) == "" {
			p.refuse(name, "is missing. Give it a value")
		}
	}
}

// flag reads true or false; false where it is absent.
func (p *parameters) flag(name string) bool { return p.oneOf(name, "true", "false") == "true" }

// number reads a finite number above 0; 0 where it is absent.
func (p *parameters) number(name string) float64 {
	text := p.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n <= 0 {
		p.refuse(name, "is not a number above 0")
		return 0
	}
	return n
}

// list reads words that are separated by commas, without duplicates; nil where it is absent.
func (p *parameters) list(name string) []string {
	text := p.text(name)
	if text == "" {
		return nil
	}
	words := strings.Split(text, ",")
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
		if words[i] == "" {
			p.refuse(name, "has an empty entry. Separate the entries by single commas")
		}
		if slices.Contains(words[:i], words[i]) {
			p.refuse(name, "has the same entry twice")
		}
	}
	return words
}

// pairs reads a list of pairs of words with a colon between them.
func (p *parameters) pairs(name, form string) map[string]string {
	pairs := map[string]string{}
	for _, pair := range p.list(name) {
		key, value, _ := strings.Cut(pair, ":")
		if _, twice := pairs[key]; key == "" || value == "" || twice {
			p.refuse(name, "is not a list of entries of the form "+form+", one for each metric")
		}
		pairs[key] = value
	}
	return pairs
}

// pairsAreOf refuses pairs whose key is not among words: they would have no effect.
func (p *parameters) pairsAreOf(name string, pairs map[string]string, of string, words []string) {
	for key := range pairs {
		if !slices.Contains(words, key) {
			p.refuse(name, "names something that is not, in the same spelling, in "+of)
		}
	}
}

// integers reads one whole number, or two with two dots between them; 0 and 0 where it is absent.
func (p *parameters) integers(name string) (first, last int) {
	text := p.text(name)
	if text == "" {
		return 0, 0
	}
	from, to, several := strings.Cut(text, "..")
	if !several {
		to = from
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil {
		p.refuse(name, "is neither a whole number nor a range such as -7..7")
	}
	return first, last
}
