package server

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
)

// routeUnmatched stands for the pattern of a request that none matched.
const routeUnmatched = "unmatched"

// handler answers one request. What it returns is written by fail, and by nobody else.
type handler func(http.ResponseWriter, *request) error

// request is an HTTP request with what is known of it when its handler runs: who asks, whose data it is about, and the
// parameters.
type request struct {
	*http.Request
	operation.Access
	values operation.Values
}

// route is what the server answers to: a row of the table of operations with its handler.
type route struct {
	*operation.Operation
	handle handler
}

// routes returns the routes of all operations. Those that run answer by themselves; the others stream, take a body or have
// several representations.
func (s *server) routes() []route {
	own := map[string]handler{
		"ingest": s.ingest, "importFile": s.importFile, "listIngestions": s.listIngestions, "getIngestion": s.getIngestion,
		"getIngestionRaw": s.getIngestionRaw, "replayIngestion": s.replayIngestion,
		"putSourcePriority": s.putSourcePriority, "putSleepSettings": s.putSleepSettings, "getRoute": s.getRoute, "listECGs": s.listECGs, "export": s.export,
		"getMe": s.getMe, "eraseData": s.eraseData, "listAudit": s.listAudit, "listKeys": s.listKeys, "createKey": s.createKey,
		"rotateKey": s.rotateKey, "revokeKey": s.revokeKey, "connectPhone": s.connectPhone, "listUsers": s.listUsers,
		"createUser": s.createUser, "getUser": s.getUser, "deleteUser": s.deleteUser,
		"putMyTimeZone": s.putMyTimeZone, "putTimeZone": s.putTimeZone,
		"getDocumentYAML": s.getDocumentYAML, "getDocumentJSON": s.getDocumentJSON, "getDocs": s.getDocs,
		"getDocsScript": s.getDocsScript, "getDocsStyle": s.getDocsStyle, "getHealth": s.getHealth, "getReady": s.getReady,
	}
	operations := s.Operations.Operations()
	rows := make([]route, len(operations))
	for i := range operations {
		o := &operations[i]
		rows[i] = route{o, own[o.Name]}
		if o.Run != nil {
			rows[i].handle = s.answer(o)
		}
	}
	return rows
}

// answer returns a handler that runs an operation.
func (s *server) answer(o *operation.Operation) handler {
	return func(w http.ResponseWriter, r *request) error {
		body, err := s.Operations.Answer(r.Context(), o, r.Access, r.values)
		if err != nil {
			return err
		}
		writeBytes(w, "application/json", http.StatusOK, body)
		return nil
	}
}

// mux serves the routes. Unknown paths and methods get a problem response too, where http.ServeMux alone would respond in
// plain text.
func (s *server) mux() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, row := range s.routes() {
		mux.Handle(row.Method+" "+row.Path, s.serve(row))
		methods[row.Path] = append(methods[row.Path], row.Method)
	}
	for pattern, allowed := range methods {
		mux.Handle(pattern, s.serve(refusal(pattern, refuseMethod(allowed))))
	}
	unmatched := s.serve(refusal(routeUnmatched, notFound))
	mux.Handle("/", unmatched)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// http.ServeMux would redirect the client to the clean path, and a phone's upload would be lost.
		if !isCleanPath(r.URL.EscapedPath()) {
			unmatched.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// refusal is the route of what is none of the operations.
func refusal(path string, refuse handler) route {
	return route{&operation.Operation{Path: path, Scope: operation.Open, Lens: operation.NoData}, refuse}
}

// isCleanPath reports whether a path has no empty segments and no . and .. segments.
func isCleanPath(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/" && clean != "/"
}

func refuseMethod(allowed []string) handler {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return func(http.ResponseWriter, *request) error {
		return methodNotAllowed(strings.Join(allowed, ", "))
	}
}

func notFound(http.ResponseWriter, *request) error {
	return problem.New(problem.NotFound, "no_such_path",
		"There is nothing at this path. /openapi.yaml lists every path there is.")
}
