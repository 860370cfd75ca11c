package catalog

import "slices"

var categoryColumns = []string{"category", "fhir_category"}

// fhirCategories are the codes of http://terminology.hl7.org/CodeSystem/observation-category.
var fhirCategories = []string{
	"activity", "exam", "imaging", "laboratory", "procedure", "social-history", "survey", "therapy", "vital-signs",
}

// parseCategories reads the table of categories: the FHIR category of each.
func parseCategories(data string) (map[string]string, error) {
	categories := map[string]string{}
	for r, err := range rows("categories.tsv", data, categoryColumns) {
		if err != nil {
			return nil, err
		}
		name, fhir := r.value("category"), r.value("fhir_category")
		if name == "" {
			return nil, r.errorf("a category needs a name")
		}
		if _, twice := categories[name]; twice {
			return nil, r.errorf("the category %q is there twice", name)
		}
		if fhir != "" && !slices.Contains(fhirCategories, fhir) {
			return nil, r.errorf("%s: the FHIR category %q is unknown", name, fhir)
		}
		categories[name] = fhir
	}
	return categories, nil
}
