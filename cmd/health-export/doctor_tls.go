package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// renewalWarning is how long before its end a certificate should have been replaced: Let's Encrypt's is, after 60 of its 90 days.
const renewalWarning = 14 * 24 * time.Hour

// tls checks what the API is served over TLS with.
func (d *doctor) tls() {
	config, err := d.settings.tlsConfig(d.settings.environment, slog.New(slog.DiscardHandler))
	switch {
	case err != nil:
		d.add("tls", statusFailure, "Let the user that runs the server read both files, and see that the key is the one the certificate was made for.", "the server will not start: %v", err)
	case config == nil:
		d.add("tls", statusOK, "", "none is configured: a proxy does it, or nobody")
	case len(d.settings.acmeDomains) > 0:
		d.acme()
	default:
		d.certificateFiles()
	}
}

// certificateFiles checks files that somebody else renews. They have been read already.
func (d *doctor) certificateFiles() {
	leaf, err := readCertificate(d.settings.certificate)
	if err != nil {
		d.add("tls", statusFailure, "Write the certificate again.", "%s cannot be read: %v", d.settings.certificate, err)
		return
	}
	d.certificate(leaf, "Look at what should have renewed it; new files are used without a restart.")
	if info, err := os.Stat(d.settings.certificateKey); err == nil && info.Mode().Perm()&0o007 != 0 {
		d.add("tls", statusWarning, "chmod o= "+d.settings.certificateKey, "everybody on this machine may read the private key: its mode is %04o", info.Mode().Perm())
	}
	address, err := url.Parse(d.settings.publicURL)
	if err == nil && address.Scheme == "https" && leaf.VerifyHostname(address.Hostname()) != nil {
		d.add("tls", statusWarning, "Get one for it, or correct public_url.", "the certificate is not for %s, where phones are told to send to", address.Hostname())
	}
}

// certificate judges for how long a certificate holds.
func (d *doctor) certificate(leaf *x509.Certificate, advice string) {
	names := strings.Join(leaf.DNSNames, ", ")
	if names == "" {
		names = "no name"
	}
	until := leaf.NotAfter.UTC().Format(time.DateOnly)
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		d.add("tls", statusFailure, advice, "the certificate for %s has expired on %s", names, until)
	case now.Before(leaf.NotBefore):
		d.add("tls", statusFailure, "Check this machine's clock.", "the certificate for %s begins only on %s", names, leaf.NotBefore.UTC().Format(time.DateOnly))
	case now.Add(renewalWarning).After(leaf.NotAfter):
		d.add("tls", statusWarning, advice, "the certificate for %s expires on %s", names, until)
	default:
		d.add("tls", statusOK, "", "the certificate for %s is valid until %s", names, until)
	}
}

// acme checks what is kept of certificates from Let's Encrypt: without it, every start asks for new ones, of which there are
// only a few a week.
func (d *doctor) acme() {
	dir := acmeDir(d.settings.environment)
	file, err := os.CreateTemp(existingParent(dir), ".health-export-*")
	if err != nil {
		d.add("tls", statusFailure, "Let the user that runs the server write there, or set XDG_DATA_HOME to another place.", "certificates cannot be kept in %s: %v", dir, err)
		return
	}
	_ = file.Close()
	_ = os.Remove(file.Name())
	for _, domain := range d.settings.acmeDomains {
		leaf, err := readCertificate(filepath.Join(dir, domain))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			d.add("tls", statusOK, "", "the certificate for %s will be got when somebody first connects", domain)
		case err != nil:
			d.add("tls", statusFailure, "Remove the file: the certificate is got again.", "the certificate for %s cannot be read: %v", domain, err)
		default:
			d.certificate(leaf, "The server renews it when somebody connects: its port 443 must be reachable under this name from outside.")
		}
	}
}

// readCertificate returns the first certificate in a PEM file, which is the server's own.
func readCertificate(path string) (*x509.Certificate, error) {
	content, err := os.ReadFile(path) // #nosec G304 -- whoever starts the program names the file
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("there is no certificate in it")
}
