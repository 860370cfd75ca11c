package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const acmeDomain = "health.example.test"

// The program proves that it answers for the name on its own
// port, gets a certificate at the first connection, and has it still after a restart.
func TestGetsACertificateByACME(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, "health-export")
	for path, of := range map[string]string{binary: ".", filepath.Join(folder, "pebble"): "github.com/letsencrypt/pebble/v2/cmd/pebble"} {
		if output, err := exec.Command("go", "build", "-o", path, of).CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", of, err, output)
		}
	}
	address := freeAddress(t)
	ca := startPebble(t, folder, address)
	environment := append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(folder, "data"), "SSL_CERT_FILE="+ca.certificate,
		"HEALTH_EXPORT_LISTEN="+address, "HEALTH_EXPORT_METRICS_LISTEN=off", "HEALTH_EXPORT_TLS_ACME_DOMAINS="+acmeDomain,
		"HEALTH_EXPORT_TLS_ACME_DIRECTORY=https://"+ca.address+"/dir")

	stop := startProgram(t, environment, binary, "serve")
	first := certificateOf(t, address, ca.roots(t))
	stop()
	ca.stop()
	stop = startProgram(t, environment, binary, "serve")
	defer stop()
	if again := certificateOf(t, address, nil); !bytes.Equal(first.Raw, again.Raw) {
		t.Error("after a restart, without the ACME server, there is another certificate")
	}
}

// certificateOf asks over TLS, and returns the certificate of who answered. It is checked against roots, if there are any.
func certificateOf(t *testing.T, address string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil}, // #nosec G402 -- the test compares it itself
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	answer, err := until(t, func() (*http.Response, error) { return client.Get("https://" + acmeDomain + "/health") })
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("/health answers %d", answer.StatusCode)
	}
	return answer.TLS.PeerCertificates[0]
}

// until tries something until nobody refuses the connection any more.
func until[T any](t *testing.T, do func() (T, error)) (result T, err error) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-ticker.C {
		if result, err = do(); err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	return result, err
}

// pebble is an ACME server that Let's Encrypt makes for tests.
type pebble struct {
	address, management string
	certificate         string // file of its own certificate
	stop                func()
}

// startPebble starts an ACME server that looks for the owner of every name at one address.
func startPebble(t *testing.T, folder, address string) pebble {
	t.Helper()
	p := pebble{address: freeAddress(t), management: freeAddress(t), certificate: filepath.Join(folder, "ca.pem")}
	key := filepath.Join(folder, "ca.key")
	certify(t, 1, p.certificate, key)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(folder, "pebble.json")
	text := fmt.Sprintf(`{"pebble":{"listenAddress":%q,"managementListenAddress":%q,"certificate":%q,"privateKey":%q,"httpPort":1,
		"tlsPort":%s,"profiles":{"default":{"description":"","validityPeriod":7776000}}}}`, p.address, p.management, p.certificate, key, port)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.stop = startProgram(t, append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"),
		filepath.Join(folder, "pebble"), "-config", configuration, "-dnsserver", startNames(t))
	return p
}

// roots asks for the root of the certificates that are given out.
func (p pebble) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- of this test's own
	defer client.CloseIdleConnections()
	answer, err := until(t, func() (*http.Response, error) { return client.Get("https://" + p.management + "/roots/0") })
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(content) {
		t.Fatalf("the root is %q, %v", content, err)
	}
	return roots
}

// startProgram runs a program until stop is called. What it says is shown where the test fails.
func startProgram(t *testing.T, environment []string, name string, arguments ...string) (stop func()) {
	t.Helper()
	output := newBuffer()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Env, command.Dir, command.Stdout, command.Stderr = environment, filepath.Dir(name), output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = command.Process.Signal(syscall.SIGTERM) // SIGINT is ignored by what is started in the background
			_ = command.Wait()                          // how it ends is not what this is about
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), output.String())
		}
	})
	return stop
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// startNames starts a server of names over TCP, for which every name is this machine, and returns its address.
func startNames(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerNames(conn)
		}
	}()
	return listener.Addr().String()
}

func answerNames(conn net.Conn) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		packet := make([]byte, length)
		var message dnsmessage.Message
		if _, err := io.ReadFull(conn, packet); err != nil || message.Unpack(packet) != nil || len(message.Questions) != 1 {
			return
		}
		message.Response, message.Additionals = true, nil
		if q := message.Questions[0]; q.Type == dnsmessage.TypeA {
			message.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			}}
		}
		answer, err := message.AppendPack([]byte{0, 0})
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(answer, uint16(len(answer)-2)) // #nosec G115 -- it is short
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
