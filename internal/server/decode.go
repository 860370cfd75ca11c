package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
)

// maxJSON is the largest request body, in bytes, that is not health data.
const maxJSON = 64 << 10

// readJSON decodes the body of a request, a JSON object without unknown members.
func readJSON(w http.ResponseWriter, r *http.Request, value any) error {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return &httpError{
			err:    problem.New(problem.Invalid, "unsupported_content_type", "Send the body as application/json."),
			status: http.StatusUnsupportedMediaType,
			header: http.Header{"Accept": {"application/json"}},
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem.New(problem.TooLarge, "body_too_large", "The body is larger than 64 KiB.")
	}
	if problem.KindOf(err) != "" {
		return err
	}
	if err != nil {
		return problem.New(problem.Invalid, "incomplete_body", "The body broke off before its end. Send it again.").Because(err)
	}
	if err := json.Unmarshal(body, value, json.RejectUnknownMembers(true)); err != nil {
		return badJSON(err)
	}
	return nil
}

// badJSON returns the error of a body; where the body is JSON it names the member at fault.
func badJSON(err error) error {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return problem.New(problem.Invalid, "not_json", "The body is not valid JSON.").Because(err)
	}
	field := operation.Printable(strings.TrimPrefix(string(semantic.JSONPointer), "/"))
	if errors.Is(err, json.ErrUnknownName) {
		return problem.New(problem.Invalid, "unknown_member",
			"The body has a member that this path does not know. See /openapi.yaml for those it does.").In(field).Because(err)
	}
	return problem.New(problem.Invalid, "invalid_member",
		"A member of the body has a value of the wrong type or form. See /openapi.yaml.").In(field).Because(err)
}
