package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// tlsConfig returns how the API is served over TLS, nil where it is not.
func (s *settings) tlsConfig(environment map[string]string, logger *slog.Logger) (*tls.Config, error) {
	switch {
	case len(s.acmeDomains) > 0 && s.certificate != "":
		return nil, usageError{errors.New("tls.acme_domains and tls.certificate exclude each other: leave one of them out")}
	case len(s.acmeDomains) > 0:
		// The ACME server asks for proof on port 443, by the protocol acme-tls/1, so that no other port is needed.
		manager := &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      autocert.DirCache(acmeDir(environment)),
			HostPolicy: autocert.HostWhitelist(s.acmeDomains...),
			Client:     &acme.Client{DirectoryURL: cmp.Or(s.acmeDirectory, autocert.DefaultACMEDirectory)},
		}
		config := manager.TLSConfig()
		config.MinVersion = tls.VersionTLS12
		return config, nil
	case s.certificate == "" && s.certificateKey == "":
		return nil, nil
	case s.certificate == "" || s.certificateKey == "":
		return nil, usageError{errors.New("tls.certificate and tls.key belong together: give both")}
	}
	files := &certificateFiles{certificate: s.certificate, key: s.certificateKey, logger: logger}
	if err := files.load(); err != nil {
		return nil, usageError{fmt.Errorf("tls.certificate and tls.key: %w", err)}
	}
	return &tls.Config{GetCertificate: files.get, MinVersion: tls.VersionTLS12}, nil
}

// acmeDir is where certificates from Let's Encrypt are kept.
func acmeDir(environment map[string]string) string {
	return filepath.Join(dataDir(environment), "acme")
}

// certificateCheckInterval is how often the files of a certificate are looked at for a change, when somebody connects.
const certificateCheckInterval = 10 * time.Second

// certificateFiles is a certificate in files that somebody else renews.
type certificateFiles struct {
	certificate, key string
	logger           *slog.Logger

	mu        sync.Mutex
	current   *tls.Certificate
	changed   time.Time // the later of the two files, when current was read
	lastCheck time.Time
}

// get returns the certificate that is in the files. Where what is there cannot be used, as in the middle of a renewal, it
// is the one from before.
func (f *certificateFiles) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.lastCheck) >= certificateCheckInterval {
		f.lastCheck = now
		if err := f.load(); err != nil {
			f.logger.ErrorContext(hello.Context(), "the certificate was not read again, the one from before is kept", "err", err)
		}
	}
	return f.current, nil
}

// load reads the files, if they have changed.
func (f *certificateFiles) load() error {
	var changed time.Time
	for _, name := range []string{f.certificate, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.ModTime().After(changed) {
			changed = info.ModTime()
		}
	}
	if f.current != nil && changed.Equal(f.changed) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return err
	}
	if f.current != nil {
		f.logger.InfoContext(context.Background(), "the certificate was read again", "file", f.certificate)
	}
	f.current, f.changed = &pair, changed
	return nil
}
