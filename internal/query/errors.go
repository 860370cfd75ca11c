package query

import (
	"errors"
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/problem"
)

// suggestions is how many similar names the error for an unknown metric has.
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

// inField sets the parameter of an error about a metric's name or unit. An unknown name in a query parameter is an
// invalid parameter, not a missing resource.
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

// inList is inField for a list of metrics; the message names the place in the list.
func inList(err error, place int) error {
	e := inField(err, "metrics", "units")
	if known, ok := e.(*problem.Error); ok && (known.Field == "metrics" || known.Field == "units" || known.Field == "agg") {
		known.Message = fmt.Sprintf("Metric %d of the list: %s", place+1, known.Message)
	}
	return e
}
