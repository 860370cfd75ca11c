package catalog

import (
	"strings"
	"testing"
)

const (
	metricHeader   = "name\thealthkit_identifier\tcategory\tshape\tunit\taccepted_units\taggregation\tmin\tmax\tsuspicious_min\tsuspicious_max\taliases\tnotes\tucum\tloinc\trecord\trecord_order\tring\tgoal\tuser_entered\tstyle\thold\tsettling\n"
	unitHeader     = "unit\tspellings\tcase\tdimension\tfactor\toffset\n"
	goodUnits      = unitHeader + "kg\t\tany\tmass\t1000\t0\nlb\tlbs\tany\tmass\t453.59237\t0\nm\t\texact\tlength\t1\t0\n"
	goodCategories = "category\tfhir_category\nbody\tvital-signs\nnutrition\t\n"
	noColumns      = "\t\t\t\t\t\t\t\t\n" // the end of a metric without a record and a ring
	goodMetric     = "weight\tHKWeight\tbody\tquantity\tkg\tkg|lb\tlatest\t1\t700\t20\t300\tmass|body_mass\tnotes\tkg\t29463-7|8302-2\t\t\t\t\t\t\t\t\n"
)

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := Parse(metricHeader+goodMetric, goodCategories, goodUnits)
	if err != nil {
		t.Fatal(err)
	}
	m := lookup(t, c, "body_mass")
	if m.Min != 1 || m.Max != 700 || m.SuspiciousMin != 20 || m.SuspiciousMax != 300 || m.Notes != "notes" ||
		m.HealthKitID != "HKWeight" || m.Category != "body" || len(m.AcceptedUnits) != 2 ||
		m.UCUM != "kg" || len(m.LOINC) != 2 {
		t.Errorf("read as %+v", m)
	}
}

func TestParseRefusesBadMetrics(t *testing.T) {
	t.Parallel()
	with := func(old, new string) string { return strings.Replace(goodMetric, old, new, 1) }
	second := func(line string) string { return metricHeader + goodMetric + line }
	other := func(old, new string) string {
		line := strings.NewReplacer("weight", "other", "HKWeight", "HKOther", "mass|body_mass", "").Replace(goodMetric)
		return strings.Replace(line, old, new, 1)
	}
	if _, err := Parse(second(other("", "")), goodCategories, goodUnits); err != nil {
		t.Fatalf("the line the cases are made of is refused: %v", err)
	}
	for name, test := range map[string]struct{ table, want string }{
		"empty":                    {"", "metrics.tsv is empty"},
		"other columns":            {"name\tunit\n", "metrics.tsv, line 1: the columns must be"},
		"missing column":           {second("x\ty\n"), "line 3: there must be 23 columns, not 2"},
		"blank line":               {second("\n"), "line 3: there must be 23 columns, not 1"},
		"no name":                  {second(other("other", "")), "line 3: the name"},
		"upper case name":          {second(other("other", "Other")), "line 3: the name"},
		"name twice":               {second(goodMetric), `line 3: "weight" names both weight and weight`},
		"name is an alias":         {second(other("other", "mass")), `line 3: "mass" names both weight and mass`},
		"alias of two":             {second(other("\t\tnotes", "\tBody_Mass\tnotes")), `line 3: "Body_Mass" names both weight and other`},
		"alias is a name":          {second(other("\t\tnotes", "\tweight\tnotes")), `line 3: "weight" names both weight and other`},
		"alias is an identifier":   {second(other("\t\tnotes", "\thkweight\tnotes")), `line 3: "hkweight" names both`},
		"identifier of two":        {second(other("HKOther", "HKWeight")), `line 3: "HKWeight" names both weight and other`},
		"alias twice":              {metricHeader + with("mass|body_mass", "mass|mass"), `line 2: "mass" names both weight and weight`},
		"empty alias":              {metricHeader + with("mass|body_mass", "mass|"), "line 2: an alias is empty"},
		"no category":              {metricHeader + with("body\tquantity", "\tquantity"), "line 2: weight has no category"},
		"unknown shape":            {metricHeader + with("quantity", "qty"), `line 2: weight: the shape "qty" is unknown`},
		"unknown aggregation":      {metricHeader + with("latest", "mean"), `line 2: weight: the aggregation "mean" is unknown`},
		"unknown unit":             {metricHeader + with("\tkg\tkg|lb", "\tt\tt|kg"), `line 2: weight: the canonical unit "t" is not in`},
		"other spelling":           {metricHeader + with("\tkg\tkg|lb", "\tlbs\tlbs"), `line 2: weight: the canonical unit "lbs" is not in`},
		"unknown accepted unit":    {metricHeader + with("kg|lb", "kg|oz"), `line 2: weight: the accepted unit "oz" is not in`},
		"accepted spelling":        {metricHeader + with("kg|lb", "kg|lbs"), `line 2: weight: the accepted unit "lbs" is not in`},
		"accepted of other kind":   {metricHeader + with("kg|lb", "kg|m"), `line 2: weight: the accepted unit "m" does not convert to kg`},
		"unknown meaning":          {metricHeader + with("kg|lb", "kg|m=t"), `line 2: weight: the accepted unit "m" means "t"`},
		"meaning of other kind":    {metricHeader + with("kg|lb", "kg|lb=m"), `line 2: weight: the accepted unit "lb" does not convert to kg`},
		"accepted twice":           {metricHeader + with("kg|lb", "kg|lb|kg"), `line 2: weight: the unit "kg" is accepted twice`},
		"canonical not accepted":   {metricHeader + with("kg|lb", "lb"), `line 2: weight: the canonical unit "kg" is not among`},
		"no unit":                  {metricHeader + with("\tkg\tkg|lb", "\t\t"), "line 2: weight: there is no canonical unit"},
		"accepted without unit":    {metricHeader + with("quantity\tkg\tkg|lb", "event\t\tkg"), "line 2: weight: there is no canonical unit"},
		"bound is no number":       {metricHeader + with("700", "7OO"), `line 2: weight: max: "7OO" is not a number`},
		"bound is infinite":        {metricHeader + with("700", "Inf"), `line 2: weight: max: "Inf" is not a number`},
		"bound is NaN":             {metricHeader + with("\t20\t", "\tNaN\t"), `line 2: weight: suspicious_min: "NaN" is not a number`},
		"range upside down":        {metricHeader + with("\t1\t700", "\t700\t1"), "line 2: weight: the ranges must be ordered"},
		"suspicious upside down":   {metricHeader + with("\t20\t300", "\t300\t20"), "line 2: weight: the ranges must be ordered"},
		"suspicious below valid":   {metricHeader + with("\t20\t", "\t0.5\t"), "line 2: weight: the ranges must be ordered"},
		"suspicious above valid":   {metricHeader + with("\t300\t", "\t701\t"), "line 2: weight: the ranges must be ordered"},
		"no UCUM code":             {metricHeader + with("\tkg\t29463", "\t\t29463"), "line 2: weight: a metric has a UCUM code when"},
		"mistyped LOINC code":      {metricHeader + with("29463-7", "29436-7"), `line 2: weight: "29436-7" is not a LOINC code`},
		"LOINC code without digit": {metricHeader + with("29463-7", "29463"), `line 2: weight: "29463" is not a LOINC code`},
		"LOINC code in letters":    {metricHeader + with("29463-7", "LA63-7"), `line 2: weight: "LA63-7" is not a LOINC code`},
		"unknown category":         {metricHeader + with("body\tquantity", "bdy\tquantity"), `line 2: weight: the category "bdy" is not in categories.tsv`},
		"unknown record":           {metricHeader + with(noColumns, "\tbest\t1\t\t\t\t\t\t\n"), `line 2: weight: the record "best" is unknown`},
		"record without order":     {metricHeader + with(noColumns, "\tlowest\t\t\t\t\t\t\t\n"), "line 2: weight: a metric has a record_order when"},
		"order without record":     {metricHeader + with(noColumns, "\t\t1\t\t\t\t\t\t\n"), "line 2: weight: a metric has a record_order when"},
		"order is no number":       {metricHeader + with(noColumns, "\tlowest\tfirst\t\t\t\t\t\t\n"), `line 2: weight: record_order: "first" is not a number`},
		"order of two":             {metricHeader + with(noColumns, "\tlowest\t1\t\t\t\t\t\t\n") + other(noColumns, "\thighest\t1\t\t\t\t\t\t\n"), "line 3: other: weight has the record_order 1 already"},
		"record of an event":       {metricHeader + "fall\t\tbody\tevent\t\t\tsum\t\t\t\t\t\t\t\t\tlowest\t1\t\t\t\t\t\t\n", "line 2: fall: a metric of the shape event has no record"},
		"unknown ring":             {metricHeader + with(noColumns, "\t\t\tsit\tother\t\t\t\t\n") + other("", ""), `line 2: weight: the ring "sit" is unknown`},
		"ring without goal":        {metricHeader + with(noColumns, "\t\t\tmove\t\t\t\t\t\n"), "line 2: weight: a metric has a goal when it has a ring"},
		"goal without ring":        {metricHeader + with(noColumns, "\t\t\t\tother\t\t\t\t\n") + other("", ""), "line 2: weight: a metric has a goal when it has a ring"},
		"ring of two":              {metricHeader + with(noColumns, "\t\t\tmove\tother\t\t\t\t\n") + other(noColumns, "\t\t\tmove\tweight\t\t\t\t\n"), "line 3: other: the ring move is that of weight already"},
		"goal is no metric":        {metricHeader + with(noColumns, "\t\t\tmove\tgoal\t\t\t\t\n"), `line 2: weight: the goal "goal" is not the name of a metric`},
		"goal is an alias":         {metricHeader + with(noColumns, "\t\t\tmove\tmass\t\t\t\t\n"), `line 2: weight: the goal "mass" is not the name of a metric`},
		"goal of other unit":       {metricHeader + with(noColumns, "\t\t\tmove\tother\t\t\t\t\n") + other("\tkg\tkg|lb", "\tlb\tkg|lb"), "line 2: weight: the goal other is in lb, not in kg"},
		"lone maximum below valid": {metricHeader + with("\t20\t300", "\t\t0.5"), "line 2: weight: the ranges must be ordered"},
		"unknown flag":             {metricHeader + with(noColumns, "\t\t\t\t\tno\t\t\t\n"), `line 2: weight: user_entered: "no" is neither yes nor empty`},
		"entered without a value":  {metricHeader + "fall\t\tbody\tevent\t\t\tsum\t\t\t\t\t\t\t\t\t\t\t\t\tyes\t\t\t\n", "line 2: fall: what has the shape event has no values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, test.table, goodUnits, test.want)
		})
	}
}

func TestParseRefusesBadCategories(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ line, want string }{
		"no name":               {"\tactivity\n", "categories.tsv, line 4: a category needs a name"},
		"twice":                 {"body\t\n", `line 4: the category "body" is there twice`},
		"unknown FHIR category": {"snow\tvital signs\n", `line 4: snow: the FHIR category "vital signs" is unknown`},
		"missing column":        {"snow\n", "line 4: there must be 2 columns, not 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(metricHeader+goodMetric, goodCategories+test.line, goodUnits)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v, want it to contain %q", err, test.want)
			}
		})
	}
}

func TestParseRefusesBadUnits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ line, want string }{
		"no name":              {"\t\tany\tmass\t1\t0\n", "units.tsv, line 5: a unit needs a name"},
		"no dimension":         {"g\t\tany\t\t1\t0\n", "line 5: a unit needs a name and a dimension"},
		"factor is no number":  {"g\t\tany\tmass\tone\t0\n", `line 5: the factor "one" is not a number`},
		"factor of nothing":    {"g\t\tany\tmass\t0\t0\n", `line 5: the factor "0" is not a number greater than 0`},
		"negative factor":      {"g\t\tany\tmass\t-1\t0\n", `line 5: the factor "-1" is not`},
		"division by zero":     {"g\t\tany\tmass\t1/0\t0\n", `line 5: the factor "1/0" is not`},
		"offset is no number":  {"g\t\tany\tmass\t1\t\n", `line 5: the offset "" is not a number`},
		"unknown case":         {"g\t\tsome\tmass\t1\t0\n", `line 5: the case "some" is neither`},
		"name twice":           {"kg\t\tany\tmass\t1\t0\n", `line 5: the spelling "kg" is used by both kg and kg`},
		"spelling of another":  {"g\tlbs\tany\tmass\t1\t0\n", `line 5: the spelling "lbs" is used by both lb and g`},
		"differs only in case": {"KG\t\tany\tmass\t1\t0\n", `line 5: the spelling "KG" is that of kg but for case`},
		"missing column":       {"g\t\tany\n", "line 5: there must be 6 columns, not 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, metricHeader+goodMetric, goodUnits+test.line, test.want)
		})
	}
	refuses(t, metricHeader, "", "units.tsv is empty")
}

// Case that matters is allowed to tell two units apart.
func TestParseKeepsUnitsApartByCase(t *testing.T) {
	t.Parallel()
	c, err := Parse(metricHeader, goodCategories, unitHeader+"Cal\t\texact\tenergy\t1000\t0\ncal\t\texact\tenergy\t1\t0\n")
	if err != nil {
		t.Fatal(err)
	}
	if conversion, ok := c.Conversion("Cal", "cal"); !ok || conversion.Factor != 1000 {
		t.Errorf("1 Cal = %v cal (%v), want 1000", conversion.Factor, ok)
	}
	if _, ok := c.Conversion("CAL", "cal"); ok {
		t.Error("CAL is taken for one of Cal and cal")
	}
}

func refuses(t *testing.T, metrics, units, want string) {
	t.Helper()
	_, err := Parse(metrics, goodCategories, units)
	if err == nil {
		t.Fatalf("the tables are accepted, want an error with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Fatalf("the error is %q, want it to contain %q", err, want)
	}
}
