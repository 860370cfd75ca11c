package postgres

import (
	"strconv"

	"github.com/health-export/health-export/internal/store"
)

// condition is a WHERE clause that is built from parts, with its parameters.
type condition struct {
	text string
	args []any
}

// arg adds a parameter and returns its placeholder.
func (c *condition) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// and adds the condition that a comparison with value holds.
func (c *condition) and(comparison string, value any) {
	c.text += ` AND ` + comparison + c.arg(value)
}

// within adds the condition that a column lies in a range.
func (c *condition) within(column string, r store.Range) {
	if r.From != 0 {
		c.and(column+` >= `, timestamp(r.From))
	}
	if r.To != 0 {
		c.and(column+` < `, timestamp(r.To))
	}
}
