package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// newRegistry returns a registry that measures the process, and says what was built and how full the disks are.
func (s *settings) newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	factory := promauto.With(registry)
	factory.NewGauge(prometheus.GaugeOpts{
		Name: "health_export_build_info", Help: "1, with the version, the commit and the Go release of this build.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit(), "go_version": runtime.Version()},
	}).Set(1)
	for purpose, dir := range s.directories() {
		if _, known := freeSpace(dir); !known {
			continue
		}
		factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "health_export_disk_free_bytes", Help: "Bytes that may still be written, by what the disk is used for: data or temporary files.",
			ConstLabels: prometheus.Labels{"purpose": purpose},
		}, func() float64 {
			free, _ := freeSpace(dir)
			return float64(free)
		})
	}
	return registry
}

// registerCertificateExpiry says until when the certificate is valid that is served from files.
func registerCertificateExpiry(registerer prometheus.Registerer, config *tls.Config) {
	promauto.With(registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "health_export_tls_certificate_expiry_timestamp_seconds", Help: "The time until which the certificate of the API is valid.",
	}, func() float64 {
		certificate, err := config.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil || certificate == nil || certificate.Leaf == nil {
			return 0
		}
		return float64(certificate.Leaf.NotAfter.Unix())
	})
}

// directories are where the program writes, by purpose. A server with PostgreSQL keeps no data on its own disk.
func (s *settings) directories() map[string]string {
	folders := map[string]string{"temporary": s.tempDir}
	if s.tempDir == "" {
		folders["temporary"] = os.TempDir()
	}
	if strings.HasPrefix(s.database, "sqlite:") && s.database != "sqlite::memory:" {
		folders["data"] = filepath.Dir(sqlitePath(s.database))
	}
	return folders
}
