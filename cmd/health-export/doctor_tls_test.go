package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDoctorKnowsCertificates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	day := 24 * time.Hour
	for name, end := range map[string]time.Duration{"good": 60 * day, "ending": 10 * day, "ended": -day} {
		certifyUntil(t, time.Now().Add(end), 1, in(name+".pem"), in(name+".key"))
	}
	write(t, in("garbage.pem"), "no certificate")
	certifyUntil(t, time.Now().Add(60*day), 1, in("open.pem"), in("open.key"))
	if err := os.Chmod(in("open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	acme := map[string]string{"XDG_DATA_HOME": folder}
	if err := os.MkdirAll(acmeDir(acme), 0o700); err != nil {
		t.Fatal(err)
	}
	certifyUntil(t, time.Now().Add(10*day), 1, filepath.Join(acmeDir(acme), "old.example.org"), in("unused"))
	write(t, filepath.Join(acmeDir(acme), "broken.example.org"), "no certificate")

	files := func(name string) *settings {
		return &settings{certificate: in(name + ".pem"), certificateKey: in(name + ".key")}
	}
	named := func(name string) *settings { return &settings{acmeDomains: []string{name}, environment: acme} }
	elsewhere := files("good")
	elsewhere.publicURL = "https://other.example.org"
	mismatch := files("good")
	mismatch.certificateKey = in("open.key")
	for name, c := range map[string]struct {
		settings *settings
		want     checkStatus
		says     string
	}{
		"none":                {&settings{}, statusOK, "none is configured"},
		"good":                {files("good"), statusOK, "for health.example.org is valid until"},
		"soon to end":         {files("ending"), statusWarning, "expires on"},
		"ended":               {files("ended"), statusFailure, "has expired on"},
		"not there":           {files("none"), statusFailure, "no such file"},
		"no certificate":      {&settings{certificate: in("garbage.pem"), certificateKey: in("good.key")}, statusFailure, "the server will not start"},
		"another one's key":   {mismatch, statusFailure, "private key does not match"},
		"a key for everybody": {files("open"), statusWarning, "its mode is 0644"},
		"another name":        {elsewhere, statusWarning, "not for other.example.org"},
		"half configured":     {&settings{certificate: in("good.pem")}, statusFailure, "belong together"},
		"to be got":           {named("new.example.org"), statusOK, "when somebody first connects"},
		"not renewed":         {named("old.example.org"), statusWarning, "expires on"},
		"a broken one":        {named("broken.example.org"), statusFailure, "cannot be read"},
		"no place to keep it": {&settings{acmeDomains: []string{"a.example.org"}, environment: map[string]string{"XDG_DATA_HOME": in("good.pem")}}, statusFailure, "cannot be kept"},
	} {
		d := &doctor{settings: c.settings}
		d.tls()
		worst := d.results[0]
		for _, found := range d.results {
			if (found.Advice == "") != (found.Condition == statusOK) {
				t.Errorf("%s: %+v", name, found)
			}
			if worst.Condition == statusOK {
				worst = found
			}
		}
		if worst.Condition != c.want || !strings.Contains(worst.Finding, c.says) {
			t.Errorf("%s: %+v, want %s: %s", name, d.results, c.want, c.says)
		}
	}
}

// The doctor finds its own server behind TLS, too.
func TestDoctorOfAServerOverTLS(t *testing.T) {
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	certify(t, 1, certificate, key)
	database := newDatabase(t)
	server, _, _ := start(t, database, "HEALTH_EXPORT_TLS_CERTIFICATE", certificate, "HEALTH_EXPORT_TLS_KEY", key)
	write(t, ".env", "HEALTH_EXPORT_TLS_CERTIFICATE="+certificate+"\nHEALTH_EXPORT_TLS_KEY="+key+"\n")
	_, found := examined(t, database, "--listen", strings.TrimPrefix(server.url, "http://"), "--metrics-listen", "off")
	if found["listen"].Condition != statusOK || !strings.Contains(found["listen"].Finding, "the server listens") || found["tls"].Condition != statusWarning {
		t.Errorf("%+v, %+v", found["listen"], found["tls"])
	}
}
