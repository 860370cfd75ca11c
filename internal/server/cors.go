package server

import (
	"net/http"

	"github.com/rs/cors"
)

// allowOrigins lets pages of the configured origins ask this server with a key of their own. Without any, a browser
// keeps every page but the server's own from reading an answer.
func (s *server) allowOrigins(next http.Handler) http.Handler {
	if len(s.CORSOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.CORSOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "X-API-Key", "Api-Key", "Content-Type", "Content-Encoding", "Prefer", "X-Request-ID"},
		ExposedHeaders: []string{
			"Location", "Retry-After", "X-Request-ID", "X-Content-SHA256", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
		},
		MaxAge: 600, // seconds
	}).Handler(next)
}
