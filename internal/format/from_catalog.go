package format

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/health-export/health-export/internal/catalog"
)

// catalogTables are what the decoders derive from the catalogue, so that a new metric is one line there. HealthKit's types are
// without the prefixes hkQuantity and hkCategory.
type catalogTables struct {
	// schemas are the types of the typed form that hold quantities, by familyName.
	schemas map[string]typedSchema
	// fractions are HealthKit's quantities whose unit "%" goes with a fraction, 0 to 1. Here they are percent.
	fractions map[string]bool
	// durations are HealthKit's categories whose quantity is how long they lasted.
	durations map[string]bool
	// kinds are the kinds of event that HealthKit's categories are.
	kinds map[string]string
}

// fromCatalog returns the tables of the program's own catalogue, always the same ones.
var fromCatalog = sync.OnceValue(func() *catalogTables {
	c, err := catalog.Load()
	if err != nil {
		panic(err) // the catalogue is part of the program, and its tests load it
	}
	return newCatalogTables(c)
})

func newCatalogTables(c *catalog.Catalog) *catalogTables {
	t := &catalogTables{
		schemas: maps.Clone(typedSchemas), fractions: map[string]bool{}, durations: map[string]bool{}, kinds: maps.Clone(hkKinds),
	}
	t.schemas["nutrition"] = typedSchema{fields: nutrients(c), notes: []string{"meal_type"}}
	for _, m := range c.Metrics() {
		if quantity, ok := strings.CutPrefix(m.HealthKitID, hkQuantity); ok {
			t.fractions[quantity] = m.Unit == "%"
		}
		category, ok := strings.CutPrefix(m.HealthKitID, hkCategory)
		if !ok {
			continue
		}
		_, ofTime := c.Conversion(m.Unit, "s")
		t.durations[category] = ofTime && m.Shape == catalog.ShapeQuantity
		switch m.Category {
		case catalog.CategorySymptom:
			t.kinds[category] = symptoms.kind
		case catalog.CategoryReproductive:
			t.kinds[category] = cycleTracking.kind
		}
	}
	return t
}

// nutrients lists the fields of the Nutrition type, each in the canonical unit of its metric, in order of their names:
// the identifier that Apple has for what is eaten and drunk in snake case (dietary_fat_total), and the aliases of that
// form.
func nutrients(c *catalog.Catalog) []typedField {
	var fields []typedField
	for _, m := range c.Metrics() {
		if m.Category != catalog.CategoryNutrition || m.Unit == "" {
			continue
		}
		names := append([]string{snakeCase(strings.TrimPrefix(m.HealthKitID, hkQuantity))}, m.Aliases...)
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "dietary_") })
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			fields = append(fields, typedField{name: name, metric: m.Name, unit: m.Unit})
		}
	}
	slices.SortFunc(fields, func(a, b typedField) int { return cmp.Compare(a.name, b.name) })
	return fields
}
