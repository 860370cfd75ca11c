package cache_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/cache"
)

func TestRedisWithTLS(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	port := freePort(t)
	startRedis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-ca-cert-file", certificate, "--tls-auth-clients", "no", "--requirepass", "geheim")
	url := fmt.Sprintf("rediss://:geheim@127.0.0.1:%d", port)
	r := openRedis(t, url+"?skip_verify=true", cache.RedisOptions{})
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	wantValue(t, r, "a", "1")

	distrustful, err := cache.OpenRedis(url, cache.RedisOptions{Timeout: testTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(distrustful.Close)
	if distrustful.Ping(t.Context()) == nil {
		t.Error("an unsigned certificate is trusted")
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key to files.
func selfSigned(t *testing.T) (certificateFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("certificate.pem", "CERTIFICATE", certificate), write("key.pem", "PRIVATE KEY", private)
}

// The sentinel returns which of the servers is the primary.
func TestRedisBehindSentinel(t *testing.T) {
	t.Parallel()
	primary := startRedis(t)
	sentinel := startSentinel(t, primary)
	r := openRedis(t, sentinel.url()+"?master_set=main", cache.RedisOptions{})
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	wantValue(t, r, "a", "1")
	if got := primary.command("exists", cache.Prefix+"a"); got != "1\n" {
		t.Errorf("the primary has the key %s times", got)
	}
}
