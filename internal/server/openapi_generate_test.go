package server

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/operation"
)

// generateOpenAPI returns the OpenAPI document with the parameters of all operations as the table has them, in the style in
// which the rest is written by hand. An operation that the document does not have is added whole, with a schema of its
// answer that is derived from the type.
func generateOpenAPI(document string, operations []operation.Operation) string {
	head, tail, _ := strings.Cut(document, "\ncomponents:\n")
	lines := strings.Split(head, "\n")
	var out []string
	path := ""
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "  /"):
			path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		case path != "" && strings.HasPrefix(line, "    parameters:"):
			i = endOfBlock(lines, i, 4) - 1 // every operation of the path has them
			continue
		case path != "" && methodLine.MatchString(line):
			end := endOfBlock(lines, i, 4)
			method := strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(line), ":"))
			out = append(out, line)
			out = append(out, withParameters(lines[i+1:end], find(operations, method, path))...)
			i = end - 1
			continue
		}
		out = append(out, line)
	}
	for i := range operations {
		if o := &operations[i]; !strings.Contains(head, "operationId: "+o.Name+"\n") {
			out = append(trimBlank(out), "", "  "+o.Path+":", "    "+strings.ToLower(o.Method)+":")
			out = append(out, newOperation(o)...)
		}
	}
	return strings.Join(trimBlank(out), "\n") + "\n\ncomponents:\n" + withoutParameters(tail)
}

var methodLine = regexp.MustCompile(`^    (get|put|post|delete):$`)

// endOfBlock returns the index of the first line after i that is not indented more than by depth.
func endOfBlock(lines []string, i, depth int) int {
	for i++; i < len(lines); i++ {
		line := lines[i]
		if line != "" && len(line)-len(strings.TrimLeft(line, " ")) <= depth {
			return i
		}
	}
	return i
}

func trimBlank(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func find(operations []operation.Operation, method, path string) *operation.Operation {
	i := slices.IndexFunc(operations, func(o operation.Operation) bool { return o.Method == method && o.Path == path })
	if i < 0 {
		return &operation.Operation{} // TestDocumentMatchesRoutes fails for it
	}
	return &operations[i]
}

// withParameters replaces the parameters of an operation, but for those that are sent in headers.
func withParameters(lines []string, o *operation.Operation) []string {
	generated := parametersOf(o)
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "      parameters:") })
	end := at
	if at >= 0 {
		end = endOfBlock(lines, at, 6)
		for begin := at + 1; begin < end; {
			next := begin + 1
			for next < end && !strings.HasPrefix(lines[next], "        - ") {
				next++
			}
			if slices.Contains(lines[begin:next], "          in: header") {
				generated = append(generated, lines[begin:next]...)
			}
			begin = next
		}
	} else {
		at = slices.IndexFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "      responses:") || strings.HasPrefix(line, "      requestBody:")
		})
		end = at
	}
	if len(generated) > 0 {
		generated = append([]string{"      parameters:"}, generated...)
	}
	return slices.Concat(lines[:at], generated, lines[end:])
}

func parametersOf(o *operation.Operation) (lines []string) {
	for i := range o.Parameters {
		p := &o.Parameters[i]
		place := "query"
		if p.In == operation.InPath {
			place = "path"
		}
		lines = append(lines, "        - name: "+p.Name, "          in: "+place)
		if p.Required {
			lines = append(lines, "          required: true")
		}
		lines = append(lines, "          description: "+quote(p.Doc), "          schema: "+parameterSchema(p))
		if p.Example != "" {
			lines = append(lines, "          example: "+valueOf(p, p.Example))
		}
	}
	return lines
}

func parameterSchema(p *operation.Parameter) string {
	if p.Kind == operation.Time {
		return "{$ref: '#/components/schemas/TimeOrDate'}"
	}
	kind, allowed := "string", p.Allowed
	members := []string{}
	switch p.Kind {
	case operation.Limit, operation.Grain:
		kind = "integer"
	case operation.Number:
		kind = "number"
	case operation.Date:
		members = append(members, "format: date")
	case operation.Flag:
		allowed = []string{"true", "false"}
	}
	members = append([]string{"type: " + kind}, members...)
	if len(allowed) > 0 {
		members = append(members, "enum: "+quoteAll(allowed))
	}
	if p.Pattern != "" {
		members = append(members, "pattern: "+quote(p.Pattern))
	}
	switch {
	case p.Kind == operation.Grain:
		members = append(members, "minimum: 0")
	case p.Min != 0:
		members = append(members, "minimum: "+number(p.Min))
	}
	if p.Max != 0 {
		members = append(members, "maximum: "+number(p.Max))
	}
	if p.Default != "" {
		members = append(members, "default: "+valueOf(p, p.Default))
	}
	if len(p.Examples) > 0 {
		members = append(members, "examples: "+quoteAll(p.Examples))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// valueOf writes a value of a parameter by its kind.
func valueOf(p *operation.Parameter, text string) string {
	switch p.Kind {
	case operation.Limit, operation.Grain, operation.Number:
		return text
	}
	return quote(text)
}

// quote writes a text as a YAML scalar: JSON strings are some.
func quote(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text)
	return strings.TrimSpace(b.String())
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// withoutParameters takes out the components that operations referred to before their parameters were generated.
func withoutParameters(components string) string {
	lines := strings.Split(components, "\n")
	at := slices.Index(lines, "  parameters:")
	if at < 0 {
		return components
	}
	return strings.Join(slices.Concat(lines[:at], lines[endOfBlock(lines, at, 2):]), "\n")
}

// newOperation describes an operation as those that are written by hand are.
func newOperation(o *operation.Operation) []string {
	scopes := []string{}
	for _, scope := range operation.Scopes(o.Scope) {
		scopes = append(scopes, string(scope))
	}
	list := "[" + strings.Join(scopes, ", ") + "]"
	lines := []string{
		"      operationId: " + o.Name, "      tags: [" + o.Tag + "]", "      summary: " + o.Summary,
		fmt.Sprintf("      security: [{bearer: %s}, {apiKeyHeader: %[1]s}, {shortKeyHeader: %[1]s}, {basic: %[1]s}]", list),
	}
	if parameters := parametersOf(o); len(parameters) > 0 {
		lines = append(append(lines, "      parameters:"), parameters...)
	}
	lines = append(lines,
		"      responses:", "        '200':", "          description: The answer.",
		"          headers: {X-Request-ID: {$ref: '#/components/headers/RequestID'}}",
		"          content:", "            application/json:", "              schema: "+schemaOf(reflect.TypeOf(o.Answer)))
	if example, err := operation.Encode(o.Answer); err == nil && o.Answer != nil {
		lines = append(lines, "              example: "+string(example)) // JSON is YAML
	}
	for _, failure := range []string{
		"304: NotModified", "400: BadRequest", "401: Unauthenticated", "403: Forbidden", "404: NotFound", "429: TooManyRequests",
		"500: Internal", "503: Unavailable",
	} {
		status, name, _ := strings.Cut(failure, ": ")
		lines = append(lines, fmt.Sprintf("        '%s': {$ref: '#/components/responses/%s'}", status, name))
	}
	return lines
}

// schemaOf returns the schema of the JSON of a type, in one line.
func schemaOf(t reflect.Type) string {
	switch {
	case t == nil:
		return "{}"
	case t == reflect.TypeFor[time.Time]():
		return "{type: string, format: date-time}"
	case t == reflect.TypeFor[uuid.UUID]():
		return "{type: string, format: uuid}"
	case t == reflect.TypeFor[health.Date]():
		return "{type: string, format: date}"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "{anyOf: [" + schemaOf(t.Elem()) + ", {type: 'null'}]}"
	case reflect.Slice, reflect.Array:
		return "{type: array, items: " + schemaOf(t.Elem()) + "}"
	case reflect.Map:
		return "{type: object, additionalProperties: " + schemaOf(t.Elem()) + "}"
	case reflect.Struct:
		var required, properties []string
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			properties = append(properties, name+": "+schemaOf(t.Field(i).Type))
			if !strings.Contains(options, "omit") {
				required = append(required, name)
			}
		}
		return "{type: object, required: [" + strings.Join(required, ", ") + "], properties: {" + strings.Join(properties, ", ") + "}}"
	case reflect.String:
		return "{type: string}"
	case reflect.Bool:
		return "{type: boolean}"
	case reflect.Float32, reflect.Float64:
		return "{type: number}"
	default:
		return "{type: integer}"
	}
}

// A row that the document does not have is described by the table alone, and describing it twice changes nothing.
func TestNewOperationIsDescribed(t *testing.T) {
	t.Parallel()
	row := operation.Operation{
		Name: "getMedian", Method: "GET", Path: "/v1/metrics/{name}/median", Scope: account.ScopeRead, Lens: operation.AllData,
		Tag: "metrics", Summary: "The median",
		Parameters: []operation.Parameter{
			{Name: "name", In: operation.InPath, Kind: operation.Text, Required: true, Doc: "The metric: `step_count`.", Example: "step_count"},
			{Name: "limit", Kind: operation.Limit, Min: 1, Max: 7, Default: "7", Doc: "How many."},
		},
		Answer: struct {
			Date   health.Date `json:"date"`
			Median *float64    `json:"median"`
			Note   string      `json:"note,omitzero"`
		}{Date: 20_522},
	}
	operations := append(slices.Clone(testOperations(t).Operations()), row)
	once := generateOpenAPI(string(openAPIYAML), operations)
	const want = `
  /v1/metrics/{name}/median:
    get:
      operationId: getMedian
      tags: [metrics]
      summary: The median
      security: [{bearer: [read]}, {apiKeyHeader: [read]}, {shortKeyHeader: [read]}, {basic: [read]}]
      parameters:
        - name: name
          in: path
          required: true
          description: "The metric: ` + "`step_count`" + `."
          schema: {type: string}
          example: "step_count"
        - name: limit
          in: query
          description: "How many."
          schema: {type: integer, minimum: 1, maximum: 7, default: 7}
      responses:
        '200':
          description: The answer.
          headers: {X-Request-ID: {$ref: '#/components/headers/RequestID'}}
          content:
            application/json:
              schema: {type: object, required: [date, median], properties: {date: {type: string, format: date}, median: {anyOf: [{type: number}, {type: 'null'}]}, note: {type: string}}}
              example: {"date":"2026-03-10","median":null}
        '304': {$ref: '#/components/responses/NotModified'}
`
	if !strings.Contains(once, want) {
		_, got, _ := strings.Cut(once, "/v1/metrics/{name}/median:")
		t.Errorf("the operation is described so:\n%.1500s", got)
	}
	if generateOpenAPI(once, operations) != once {
		t.Error("the second time it is described otherwise")
	}
}
