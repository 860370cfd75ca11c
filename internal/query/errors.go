package query

import (
	"errors"
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/problem"
)

// suggestions is how many names are shown in place of one that nobody knows.
const suggestions = 5

func (s *Service) unknownMetric(name string) error {
	err := problem.New(problem.NotFound, "unknown_metric",
		"There is no data under this name, and the catalogue does not know it. The list of metrics shows what there is.").In("name")
	if near := s.Catalog.Nearest(name, suggestions); len(near) > 0 {
		err.Message += " Perhaps you mean " + strings.Join(near, ", ") + "."
		err.Suggesting(near...)
	}
	return err
}

// inField says of an error that is about a metric's name or unit in which parameter these were. A name in a parameter
// that nobody knows is a parameter at fault, and not a missing page.
func inField(err error, name, unit string) error {
	known, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return err
	}
	shown := *known
	switch shown.Field {
	case "name":
		shown.Kind, shown.Field = problem.Invalid, name
	case "unit":
		shown.Field = unit
	}
	return &shown
}

// inList says of an error about the metric at a place of a list which of them it is.
func inList(err error, place int) error {
	e := inField(err, "metrics", "units")
	if known, ok := e.(*problem.Error); ok && (known.Field == "metrics" || known.Field == "units" || known.Field == "agg") {
		known.Message = fmt.Sprintf("Metric %d of the list: %s", place+1, known.Message)
	}
	return e
}
