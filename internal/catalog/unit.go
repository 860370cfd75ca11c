package catalog

import (
	"fmt"
	"math/big"
	"strings"
)

// Conversion turns a value of one unit into the same value in another.
type Conversion struct {
	Factor, Offset float64
}

// Apply returns v × Factor + Offset.
func (c Conversion) Apply(v float64) float64 {
	// The conversion to float64 keeps the compiler from fusing the two operations, so that every machine stores the
	// same value.
	return float64(v*c.Factor) + c.Offset
}

// unit is one line of the unit table. A value v of it is v × factor + offset in the base unit of its dimension; both
// are fractions, so that the conversion between any two units is rounded once only.
type unit struct {
	name           string
	spellings      []string // others than name
	dimension      string
	factor, offset *big.Rat
	conversions    map[*unit]Conversion // to every unit of the dimension
}

// noUnit is the spelling, in the unit table, of a unit that was sent empty.
const noUnit = "(none)"

// unitTable finds units by any spelling.
type unitTable struct {
	list   []*unit
	exact  map[string]*unit // by normal spelling
	folded map[string]*unit // by normal spelling in lower case, of the units whose case does not matter
}

// parseUnits reads the unit table.
func parseUnits(data string) (*unitTable, error) {
	table := &unitTable{exact: map[string]*unit{}, folded: map[string]*unit{}}
	for r, err := range rows("units.tsv", data, unitColumns) {
		if err != nil {
			return nil, err
		}
		if err := table.add(r); err != nil {
			return nil, r.errorf("%w", err)
		}
	}
	for _, from := range table.list {
		from.conversions = map[*unit]Conversion{}
		for _, to := range table.list {
			if to.dimension == from.dimension {
				from.conversions[to] = conversion(from, to)
			}
		}
	}
	return table, nil
}

var unitColumns = []string{"unit", "spellings", "case", "dimension", "factor", "offset"}

func (t *unitTable) add(r row) error {
	u := &unit{name: r.value("unit"), spellings: r.list("spellings"), dimension: r.value("dimension")}
	if u.name == "" || u.dimension == "" {
		return fmt.Errorf("a unit needs a name and a dimension")
	}
	var ok bool
	if u.factor, ok = new(big.Rat).SetString(r.value("factor")); !ok || u.factor.Sign() <= 0 {
		return fmt.Errorf("the factor %q is not a number greater than 0", r.value("factor"))
	}
	if u.offset, ok = new(big.Rat).SetString(r.value("offset")); !ok {
		return fmt.Errorf("the offset %q is not a number", r.value("offset"))
	}
	caseMatters := r.value("case") == "exact"
	if !caseMatters && r.value("case") != "any" {
		return fmt.Errorf("the case %q is neither any nor exact", r.value("case"))
	}
	t.list = append(t.list, u)
	for _, spelling := range append([]string{u.name}, u.spellings...) {
		if spelling == noUnit {
			spelling = ""
		}
		if err := t.addSpelling(normalUnit(spelling), u, caseMatters); err != nil {
			return err
		}
	}
	return nil
}

// addSpelling adds a spelling of u. It refuses one that could be read as another unit.
func (t *unitTable) addSpelling(spelling string, u *unit, caseMatters bool) error {
	if other, ok := t.exact[spelling]; ok {
		return fmt.Errorf("the spelling %q is used by both %s and %s", spelling, other.name, u.name)
	}
	t.exact[spelling] = u
	lower := strings.ToLower(spelling)
	if !caseMatters {
		if other, ok := t.folded[lower]; ok && other != u {
			return fmt.Errorf("the spelling %q is that of %s but for case", spelling, other.name)
		}
		t.folded[lower] = u
	}
	return nil
}

// find returns the unit of a text that was sent as a unit.
func (t *unitTable) find(text string) (*unit, bool) {
	if u, ok := t.exact[text]; ok {
		return u, true
	}
	text = normalUnit(text)
	if u, ok := t.exact[text]; ok {
		return u, true
	}
	u, ok := t.folded[strings.ToLower(text)]
	return u, ok
}

// normalUnit removes the differences between spellings that never have a meaning: blanks around it, and characters that
// look the same (the Greek letter mu and the micro sign, the dot operator and the middle dot).
func normalUnit(text string) string {
	return lookalikes.Replace(strings.TrimSpace(text))
}

var lookalikes = strings.NewReplacer("\u03bc", "\u00b5", "\u22c5", "\u00b7")

// conversion computes from → base → to as a fraction and rounds it at the end.
func conversion(from, to *unit) Conversion {
	factor := new(big.Rat).Quo(from.factor, to.factor)
	offset := new(big.Rat).Sub(from.offset, to.offset)
	offset.Quo(offset, to.factor)
	var c Conversion
	c.Factor, _ = factor.Float64()
	c.Offset, _ = offset.Float64()
	return c
}
