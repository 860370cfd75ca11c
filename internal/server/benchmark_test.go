package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/store"
)

// readingIngest reads bodies and does nothing with them.
type readingIngest struct{ Ingest }

func (readingIngest) Receive(_ context.Context, r ingest.Request) (health.Ingestion, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return health.Ingestion{}, err
	}
	return health.Ingestion{ID: unknownID, Status: health.StatusProcessed}, nil
}

// oneKey is a store with one user and one key in it.
type oneKey struct {
	store.Store
	key  account.APIKey
	user account.User
}

func (s *oneKey) CreateKey(_ context.Context, key account.APIKey, _ ...account.AuditEntry) error {
	s.key = key
	return nil
}

func (s *oneKey) Key(context.Context, string) (account.APIKey, error)   { return s.key, nil }
func (s *oneKey) User(context.Context, uuid.UUID) (account.User, error) { return s.user, nil }

// BenchmarkSmallPost compares a small authenticated POST, its key cached and no database behind it, with a handler
// that only reads the body and answers with as much.
func BenchmarkSmallPost(b *testing.B) {
	one := &oneKey{user: account.User{ID: unknownID}}
	authenticator := access.NewAuthenticator(one, one, access.AuthenticatorOptions{})
	_, key, err := authenticator.CreateKey(b.Context(), access.NewKey{UserID: unknownID, Name: "b", Scopes: []account.Scope{account.ScopeIngest}})
	if err != nil {
		b.Fatal(err)
	}
	whole := New(Config{
		Operations: testOperations(b),
		Ingestion:  readingIngest{}, Authenticator: authenticator, Limits: access.NewLimits(access.LimitOptions{Allowances: unlimitedAllowances}), Registerer: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	var size int
	b.Run("whole", func(b *testing.B) { size = benchmarkPosts(b, whole, key) })
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Repeat(" ", size))
	})
	b.Run("bare", func(b *testing.B) { benchmarkPosts(b, bare, key) })
}

// unlimitedAllowances is so large that no benchmark exceeds it.
var unlimitedAllowances = map[string]access.Allowance{access.TierDefault: {IngestRequests: 1 << 40, IngestBytes: 1 << 50, Reads: 1 << 40}}

// benchmarkPosts posts over a real connection and returns the size of an answer.
func benchmarkPosts(b *testing.B, handler http.Handler, key string) (size int) {
	listening := httptest.NewServer(handler)
	defer listening.Close()
	client := listening.Client()
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, listening.URL+"/v1/ingest", strings.NewReader(bodyOfAda))
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("%d %v: %s", response.StatusCode, err, answer)
		}
		response.Body.Close()
		size = len(answer)
	}
	return size
}
