package server

import (
	"net/http"

	"github.com/rs/cors"
)

// allowOrigins lets pages of the configured origins send requests with a key. Without any, browsers let only the server's
// own pages read responses.
func (s *server) allowOrigins(next http.Handler) http.Handler {
	if len(s.CORSOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.CORSOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "X-API-Key", "Api-Key", "Content-Type", "Content-Encoding", "If-None-Match", "Prefer", "X-Request-ID"},
		ExposedHeaders: []string{
			"ETag", "Location", "Retry-After", "X-Request-ID", "X-Content-SHA256",
			"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
			"X-RateLimit-Bytes-Limit", "X-RateLimit-Bytes-Remaining", "X-RateLimit-Bytes-Reset",
		},
		MaxAge: 600, // seconds
	}).Handler(next)
}
