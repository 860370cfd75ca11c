package server

import (
	"net/http"
	"testing"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/query"
)

const (
	stepsInUTC = `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10T23:30:00Z","qty":500,"source":"App"}]}]}}`
	typedInUTC = `{"data":{"metrics":[{"type":"Activity","recorded_at":"2026-03-10T23:40:00Z","step_count":700,"source":"App"}]}}`
)

// stepsOn returns the steps of a day, 0 where it has none.
func (a *api) stepsOn(key, date string) float64 {
	a.t.Helper()
	var day query.DaySummary
	a.get("/v1/summary?date="+date, key).wants(http.StatusOK).into(&day)
	if value := day.Metrics["activity"]["step_count"].Value; value != nil {
		return *value
	}
	return 0
}

// What a sender writes in UTC is on the local day of the person, in the app's form and in the typed one. It follows the
// person's zone, and nothing else does.
func TestDaysFollowTheZoneOfThePerson(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, stepsInUTC)
	a.send(ada.key, typedInUTC)
	a.send(ada.key, bodyOf("step_count", "count", "23:30:01 40 Phone")) // with an offset of its own
	if on10, on11 := a.stepsOn(ada.key, "2026-03-10"), a.stepsOn(ada.key, "2026-03-11"); on10 != 40 || on11 != 1200 {
		t.Errorf("%v steps on the 10th and %v on the 11th, want 40 and 1200", on10, on11)
	}

	var changed user
	a.do(http.MethodPut, "/v1/me/time_zone", ada.key, `{"time_zone":"America/New_York"}`).wants(http.StatusOK).into(&changed)
	if changed.TimeZone != "America/New_York" {
		t.Errorf("the zone is %q", changed.TimeZone)
	}
	if _, err := a.store.Rebuild(t.Context(), ada.user.ID); err != nil { // as the job does
		t.Fatal(err)
	}
	if on10, on11 := a.stepsOn(ada.key, "2026-03-10"), a.stepsOn(ada.key, "2026-03-11"); on10 != 1240 || on11 != 0 {
		t.Errorf("in New York %v steps on the 10th and %v on the 11th, want 1240 and 0", on10, on11)
	}
	a.send(ada.key, `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-12T01:00:00Z","qty":9,"source":"App"}]}]}}`)
	if on11 := a.stepsOn(ada.key, "2026-03-11"); on11 != 9 {
		t.Errorf("what comes later is not placed in New York: %v steps on the 11th", on11)
	}
	if got := a.get("/v1/summary?date=2026-03-11&tz=Europe/Berlin", ada.key).wants(http.StatusOK); got.body == nil {
		t.Error("no answer for a zone")
	}
}

func TestTimeZoneOfAUser(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	path := "/v1/users/" + ada.user.ID.String() + "/time_zone"
	a.do(http.MethodPut, path, ada.key, `{"time_zone":"UTC"}`).refused(http.StatusForbidden, "missing_scope")
	a.do(http.MethodPut, path, admin, `{"time_zone":"Mars/Olympus"}`).refused(http.StatusBadRequest, "invalid_time_zone")
	a.do(http.MethodPut, path, admin, `{"time_zone":"Asia/Tokyo"}`).wants(http.StatusOK)
	var me me
	a.get("/v1/me", ada.key).wants(http.StatusOK).into(&me)
	if me.User.TimeZone != "Asia/Tokyo" {
		t.Errorf("a key that is remembered has the zone %q", me.User.TimeZone)
	}
}
