package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
)

// What each operation answers to somebody who asks it, with a key for their own data, for a thing of another user. An
// operation that is missing here fails the test: whoever adds one says what it does.
var unauthenticatedResponses = map[string]int{
	"ingest": 400, // nothing was sent
	// Lists hold one's own.
	"listIngestions": 200, "listMetrics": 200, "latestMetrics": 200, "getSamples": 200, "getSeries": 200, "getSummary": 200, "getSleep": 200,
	"listSeries": 200, "getComparison": 200, "getCorrelation": 200, "getTrends": 200, "getRecords": 200, "getSourcePriority": 200, "export": 200,
	"listWorkouts": 200, "listEvents": 200, "listECGs": 200, "getMe": 200, "listKeys": 200, "listAudit": 200,
	// What is named by an id is not there.
	"getIngestion": 404, "getIngestionRaw": 404, "replayIngestion": 404, "getWorkout": 404, "getRoute": 404, "revokeKey": 404, "rotateKey": 404,
	"getECG":    404,
	"createKey": 415, "connectPhone": 415, "putSourcePriority": 415, "importFile": 400, // nothing was sent
	"eraseData": 204, // one's own
	"listUsers": 403, "createUser": 403, "getUser": 403, "deleteUser": 403,
	"getDocs": 200, "getDocsScript": 200, "getDocsStyle": 200,
	"getDocumentYAML": 200, "getDocumentJSON": 200, "getHealth": 200, "getReady": 200,
}

// asking is the query of those operations that need one.
var asking = map[string]string{
	"listSeries":     "?metrics=step_count",
	"getComparison":  "?metrics=step_count&start=2026-03-01&end=2026-03-31&previous=true",
	"getCorrelation": "?x=step_count&y=heart_rate&start=2026-03-01&end=2026-03-31",
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
	for _, row := range (&server{}).routes() {
		want, ok := unauthenticatedResponses[row.operation]
		if !ok {
			t.Errorf("%s is not in answersToStrangers: say what it does with the id of another user's thing", row.operation)
			continue
		}
		path := fill(row.path, "")
		for prefix, id := range ids {
			if strings.HasPrefix(row.path, prefix+"{id}") {
				path = fill(row.path, id)
			}
		}
		if strings.Contains(row.path, "{id}") && path == fill(row.path, "") {
			t.Errorf("the test has no id for %s", row.path)
			continue
		}
		answer := a.do(row.method, path+asking[row.operation], bob.key, "").wants(want)
		if want == http.StatusNotFound {
			answer.refused(want, notFoundCode(t, a, row, bob))
		}
		for _, mark := range marks {
			if row.scope != noKey && strings.Contains(string(answer.body), mark) {
				t.Errorf("%s tells a stranger %q: %s", row.operation, mark, answer.body)
			}
		}
		for _, name := range row.params {
			if name == "user" {
				a.do(row.method, path+"?user="+ada.user.ID.String(), bob.key, "").refused(http.StatusForbidden, "missing_scope")
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
	for _, row := range (&server{}).routes() {
		if row.method == http.MethodGet && !strings.Contains(row.path, "{id}") && row.scope == account.ScopeRead {
			seen[row.operation] = string(a.get(fill(row.path, "")+asking[row.operation], p.key).wants(http.StatusOK).body)
		}
	}
	return seen
}

// notFoundCode returns the code with which a route answers for an id that nobody has: somebody else's must be answered
// in the same way.
func notFoundCode(t *testing.T, a *api, row route, who person) string {
	t.Helper()
	var p problemDetails
	a.do(row.method, fill(row.path, unknownID.String()), who.key, "").wants(http.StatusNotFound).into(&p)
	return p.Code
}
