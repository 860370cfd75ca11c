package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
)

// responsesToOtherUsers is what each operation returns, with a key for one's own data, for a thing of another user. An
// operation that is missing here fails the test.
var answersToStrangers = map[string]int{
	"ingest": 400, "importFile": 400, // nothing was sent
	"createKey": 415, "connectPhone": 415, "putSourcePriority": 415, "putSleepSettings": 415, "putMyTimeZone": 415, // neither
	// Lists hold one's own.
	"listIngestions": 200, "export": 200, "listECGs": 200, "getMe": 200, "listKeys": 200, "listAudit": 200,
	// What is named by an id is not there.
	"getIngestion": 404, "getIngestionRaw": 404, "replayIngestion": 404, "getRoute": 404, "revokeKey": 404, "rotateKey": 404,
	"getECG":    404,
	"eraseData": 204, // one's own
	"listUsers": 403, "createUser": 403, "getUser": 403, "deleteUser": 403, "putTimeZone": 403,
	"getDocs": 200, "getDocsScript": 200, "getDocsStyle": 200,
	"getDocumentYAML": 200, "getDocumentJSON": 200, "getHealth": 200, "getReady": 200,
}

// answerToStranger returns the status of answersToStrangers. Operations that run need no entry there: what they name by an id
// is not there, all else is one's own.
func answerToStranger(row route) (status int, known bool) {
	status, known = answersToStrangers[row.Name]
	switch {
	case known || row.Run == nil:
		return status, known
	case strings.Contains(row.Path, "{id}"):
		return http.StatusNotFound, true
	}
	return http.StatusOK, true
}

// required returns the query that an operation needs, from the examples of its parameters.
func required(row route) string {
	values := url.Values{}
	for _, p := range row.Parameters {
		if p.Required && p.In == operation.InQuery {
			values.Set(p.Name, p.Example)
		}
	}
	if row.Name == "getComparison" {
		values.Set("previous", "true")
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// TestUsersAreApart walks along every route with the ids of another user. The answer is the one that ids of nothing get,
// holds nothing of the other user, and changes nothing of theirs.
func TestUsersAreApart(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob := a.ada(), a.person("bob@example.org", "")
	a.send(bob.key, bodyOfAda)
	a.send(ada.key, bodyOfEverything)
	spare, _ := a.keyFor(ada.user, account.ScopeRead)
	ids := map[string]string{
		"/v1/ingestions/": a.send(ada.key, bodyOfAda).IngestionID.String(), "/v1/workouts/": a.workoutOf(ada),
		"/v1/keys/": spare.ID, "/v1/users/": ada.user.ID.String(),
	}
	marks := []string{ada.user.Email, ada.user.ID.String(), spare.ID, "Headache", "phase_of_the_moon", "61.5", "52.5"}
	for _, id := range ids {
		marks = append(marks, id)
	}
	before := a.seenBy(ada)
	for _, row := range testRoutes(t) {
		want, ok := answerToStranger(row)
		if !ok {
			t.Errorf("%s is not in answersToStrangers: say what it does with the id of another user's thing", row.Name)
			continue
		}
		path := fill(row.Path, "")
		for prefix, id := range ids {
			if strings.HasPrefix(row.Path, prefix+"{id}") {
				path = fill(row.Path, id)
			}
		}
		if strings.Contains(row.Path, "{id}") && path == fill(row.Path, "") {
			t.Errorf("the test has no id for %s", row.Path)
			continue
		}
		answer := a.do(row.Method, path+required(row), bob.key, "").wants(want)
		if want == http.StatusNotFound {
			answer.refused(want, notFoundCode(t, a, row, bob))
		}
		for _, mark := range marks {
			if row.Scope != operation.Open && strings.Contains(string(answer.body), mark) {
				t.Errorf("%s tells a stranger %q: %s", row.Name, mark, answer.body)
			}
		}
		for _, name := range row.QueryNames() {
			if name == operation.SubjectParameter {
				for _, named := range []string{ada.user.ID.String(), ada.user.Email, "nobody@example.org", unknownID.String()} {
					a.do(row.Method, path+"?user="+named, bob.key, "").refused(http.StatusForbidden, "missing_scope")
				}
			}
		}
	}
	if diff := cmp.Diff(before, a.seenBy(ada)); diff != "" {
		t.Errorf("a stranger has changed something:\n%s", diff)
	}
	a.get("/v1/audit?user=all", bob.key).refused(http.StatusForbidden, "missing_scope")
}

// seenBy returns what a person gets from every list there is, but for what changes by looking.
func (a *api) seenBy(p person) map[string]string {
	seen := map[string]string{}
	for _, row := range testRoutes(a.t) {
		if row.Method == http.MethodGet && !strings.Contains(row.Path, "{id}") && row.Scope == account.ScopeRead {
			seen[row.Name] = string(a.get(fill(row.Path, "")+required(row), p.key).wants(http.StatusOK).body)
		}
	}
	return seen
}

// notFoundCode returns the code with which a route answers for an unknown id: that of another user must be answered
// in the same way.
func notFoundCode(t *testing.T, a *api, row route, who person) string {
	t.Helper()
	var p problemDetails
	a.do(row.Method, fill(row.Path, unknownID.String()), who.key, "").wants(http.StatusNotFound).into(&p)
	return p.Code
}
