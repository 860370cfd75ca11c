package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/testlog"
)

func TestKeysUsersAndTheAuditLogByCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	database := newDatabase(t)
	must := func(args ...string) string {
		t.Helper()
		code, out, complaint := tool(t, database, args...)
		out += complaint
		if code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, out)
		}
		return out
	}
	must("user", "create", "anna@example.org")
	must("user", "create", "bob@example.org")
	var made, next map[string]any
	if err := json.Unmarshal([]byte(must("key", "create", "--user", "anna@example.org", "--name", "phone", "--tier", "bulk", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	rotated := must("key", "rotate", made["id"].(string), "--user", "anna@example.org", "--grace", "1h", "--json")
	if err := json.Unmarshal([]byte(rotated), &next); err != nil || next["key"] == made["key"] || next["tier"] != "bulk" || next["name"] != "phone" {
		t.Errorf("rotate printed %s (%v)", rotated, err)
	}
	if list := must("key", "list", "--user", "anna@example.org"); !strings.Contains(list, "until ") || !strings.Contains(list, "in force") {
		t.Errorf("key list printed %s", list)
	}
	if code, out, _ := tool(t, database, "key", "rotate", next["id"].(string), "--user", "bob@example.org"); code != exitNotFound {
		t.Errorf("rotating somebody else's key: exit code %d: %s", code, out)
	}
	table := must("audit", "--user", "anna@example.org")
	for _, word := range []string{"user.create", "key.create", "key.rotate", "command line", made["id"].(string)} {
		if !strings.Contains(table, word) {
			t.Errorf("the audit log lacks %q:\n%s", word, table)
		}
	}
	if strings.Contains(table, made["key"].(string)[17:]) {
		t.Error("the audit log holds a secret")
	}
	var entries []map[string]any
	if err := json.Unmarshal([]byte(must("audit", "--action", "user.create", "--json")), &entries); err != nil || len(entries) != 2 {
		t.Errorf("audit --json printed %v (%v)", entries, err)
	}
	if code, out, _ := tool(t, database, "audit", "--start", "soon"); code != exitUsage {
		t.Errorf("exit code %d: %s", code, out)
	}

	if code, out, complaint := tool(t, database, "user", "delete", "anna@example.org"); code != exitUsage || !strings.Contains(out+complaint, "nothing was deleted") {
		t.Errorf("deleting without being asked: exit code %d: %s", code, out)
	}
	must("user", "delete", "anna@example.org", "--yes")
	if code, out, _ := tool(t, database, "user", "delete", "anna@example.org", "--yes"); code != exitNotFound {
		t.Errorf("deleting twice: exit code %d: %s", code, out)
	}
	if list := must("user", "list"); strings.Contains(list, "anna") || !strings.Contains(list, "bob") {
		t.Errorf("user list printed %s", list)
	}
	if table := must("audit"); !strings.Contains(table, "user.delete") || strings.Contains(table, "key.rotate") {
		t.Errorf("after the deletion the audit log is\n%s", table)
	}
}

// certify writes a certificate for 127.0.0.1 and its key to files. It is valid for an hour.
func certify(t *testing.T, serial int64, certificate, key string) *x509.Certificate {
	t.Helper()
	return certifyUntil(t, time.Now().Add(time.Hour), serial, certificate, key)
}

func certifyUntil(t *testing.T, end time.Time, serial int64, certificate, key string) *x509.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: end, DNSNames: []string{"health.example.org"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestServesOverTLS(t *testing.T) {
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	trusted := x509.NewCertPool()
	trusted.AddCert(certify(t, 1, certificate, key))
	server, _, _ := start(t, newDatabase(t), "HEALTH_EXPORT_TLS_CERTIFICATE", certificate, "HEALTH_EXPORT_TLS_KEY", key)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(server.url, "http://", "https://", 1)+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("the answer is %s %s %v", answer.Proto, answer.Status, answer.Header)
	}
}

func TestRenewedCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	certify(t, 1, certificate, key)
	s := &settings{certificate: certificate, certificateKey: key}
	config, err := s.tlsConfig(nil, testlog.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	files := &certificateFiles{certificate: certificate, key: key, logger: testlog.Logger(t)}
	serial := func() int64 {
		t.Helper()
		files.lastCheck = time.Time{}
		got, err := files.get(&tls.ClientHelloInfo{})
		if err != nil || got == nil {
			t.Fatalf("no certificate: %v", err)
		}
		return got.Leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 || config.MinVersion < tls.VersionTLS12 {
		t.Fatalf("serial %d", got)
	}
	certify(t, 2, certificate, key)
	later := time.Now().Add(time.Second)
	for _, name := range []string{certificate, key} {
		if err := os.Chtimes(name, later, later); err != nil {
			t.Fatal(err)
		}
	}
	if got := serial(); got != 2 {
		t.Errorf("after the renewal the serial is %d", got)
	}
	if err := os.WriteFile(key, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("in the middle of a renewal the serial is %d", got)
	}
}

func TestTLSSettings(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*settings{
		"a certificate without a key": {certificate: "x"},
		"a key without a certificate": {certificateKey: "x"},
		"files that are not there":    {certificate: "x", certificateKey: "y"},
		"both ways at once":           {certificate: "x", certificateKey: "y", acmeDomains: []string{"example.org"}},
	} {
		if _, err := s.tlsConfig(nil, testlog.Logger(t)); exitCode(err) != exitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	config, err := (&settings{acmeDomains: []string{"example.org"}}).tlsConfig(map[string]string{"HOME": t.TempDir()}, testlog.Logger(t))
	if err != nil || config.GetCertificate == nil {
		t.Fatal(err)
	}
	if _, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "example.com", SupportedProtos: []string{"h2"}}); err == nil {
		t.Error("a certificate is got for a domain that is not configured")
	}
}
