package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
)

// An administrator reads what the subject reads, named by id or e-mail address, and the audit log has it.
func TestAdministratorsReadForAnother(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	a.send(ada.key, bodyOfEverything)
	_, admin := a.keyFor(a.person("root@example.org", "Asia/Tokyo").user, account.ScopeAdmin)
	read := 0
	for _, row := range testRoutes(t) {
		if !row.Subject || row.Method != http.MethodGet || strings.Contains(row.Path, "{id}") || row.Name == "getECG" || row.Name == "listKeys" || row.Name == "export" {
			continue // what has an id, and lists that change by looking
		}
		path := fill(row.Path, "") + required(row)
		own := a.get(path, ada.key).wants(http.StatusOK)
		for _, named := range []string{ada.user.ID.String(), ada.user.Email, strings.ToUpper(ada.user.Email)} {
			separator := "?"
			if strings.Contains(path, "?") {
				separator = "&"
			}
			other := a.get(path+separator+operation.SubjectParameter+"="+url.QueryEscape(named), admin).wants(http.StatusOK)
			if string(other.body) != string(own.body) {
				t.Errorf("%s for %s: the subject gets\n%s\nand the administrator\n%s", row.Name, named, own.body, other.body)
			}
			read++
		}
	}
	if err := a.auditBuffer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	audit := a.get("/v1/audit?action=admin.read&limit=1000", ada.key).wants(http.StatusOK)
	if n := strings.Count(string(audit.body), `"admin.read"`); n != read {
		t.Errorf("%d reads by an administrator are on record, not %d", n, read)
	}
}

func TestSubjectsThatAreRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	_, admin := a.keyFor(a.person("root@example.org", "").user, account.ScopeAdmin)
	for _, c := range []struct {
		key, named string
		status     int
		code       string
	}{
		{ada.key, "root@example.org", http.StatusForbidden, "missing_scope"},
		{ada.key, "nobody@example.org", http.StatusForbidden, "missing_scope"},
		{ada.key, unknownID.String(), http.StatusForbidden, "missing_scope"},
		{ada.key, "somebody", http.StatusBadRequest, "invalid_parameter"},
		{admin, "nobody@example.org", http.StatusNotFound, "not_found"},
		{admin, unknownID.String(), http.StatusNotFound, "not_found"},
		{admin, "somebody", http.StatusBadRequest, "invalid_parameter"},
	} {
		a.get("/v1/metrics?user="+url.QueryEscape(c.named), c.key).refused(c.status, c.code)
	}
	a.get("/v1/metrics?user="+url.QueryEscape(ada.user.Email), ada.key).wants(http.StatusOK) // oneself
}
