package server

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// key is an API key in the API. The whole key is shown once, when it is created.
type key struct {
	ID         string          `json:"id"`
	Key        string          `json:"key,omitempty"`
	Name       string          `json:"name"`
	Scopes     []account.Scope `json:"scopes"`
	Tier       string          `json:"tier"`
	CreatedAt  time.Time       `json:"created_at"`
	ExpiresAt  time.Time       `json:"expires_at,omitzero"`
	RevokedAt  time.Time       `json:"revoked_at,omitzero"`
	LastUsedAt time.Time       `json:"last_used_at,omitzero"`
}

func keyOf(k account.APIKey) key {
	return key{
		ID: k.ID, Name: k.Name, Scopes: k.Scopes, Tier: k.Tier,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt,
	}
}

func (s *server) listKeys(w http.ResponseWriter, r *request) error {
	found, err := s.Keys.KeysOf(r.Context(), r.Subject.ID)
	if err != nil {
		return err
	}
	var answer struct {
		Keys []key `json:"keys"`
	}
	for _, k := range found {
		answer.Keys = append(answer.Keys, keyOf(k))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// newKey is the request body of createKey.
type newKey struct {
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	Tier      string    `json:"tier"`
	ExpiresAt time.Time `json:"expires_at"`
}

// createKey creates a key for the authenticated user, or for the one an administrator names.
func (s *server) createKey(w http.ResponseWriter, r *request) error {
	var sent newKey
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	scopes, err := access.ParseScopes(strings.Join(sent.Scopes, ","))
	if err != nil {
		return err
	}
	creator, err := s.Keys.Key(r.Context(), r.Actor.KeyID)
	if err != nil {
		return err
	}
	wanted := access.NewKey{
		UserID: r.Subject.ID, Name: sent.Name, Scopes: scopes, Tier: cmp.Or(sent.Tier, creator.Tier), ExpiresAt: sent.ExpiresAt,
	}
	if err := checkGrant(creator, wanted); err != nil {
		return err
	}
	created, text, err := s.Authenticator.CreateKey(r.Context(), wanted)
	if err != nil {
		return err
	}
	return writeNewKey(w, created, text)
}

func writeNewKey(w http.ResponseWriter, created account.APIKey, text string) error {
	answer := keyOf(created)
	answer.Key = text
	w.Header().Set("Location", "/v1/keys/"+created.ID)
	return writeJSON(w, http.StatusCreated, answer)
}

// rotateKey replaces a key by a new one with the same scopes and tier. As the response holds the new key, a key cannot
// rotate one that may do more than itself.
func (s *server) rotateKey(w http.ResponseWriter, r *request) error {
	old, err := s.keyInPath(r)
	if err != nil {
		return err
	}
	creator, err := s.Keys.Key(r.Context(), r.Actor.KeyID)
	if err != nil {
		return err
	}
	if err := checkGrant(creator, access.NewKey{Scopes: old.Scopes, Tier: old.Tier, ExpiresAt: old.ExpiresAt}); err != nil {
		return err
	}
	created, text, err := s.Authenticator.RotateKey(r.Context(), old.UserID, old.ID, r.values.Duration("grace"))
	if err != nil {
		return err
	}
	return writeNewKey(w, created, text)
}

// keyInPath returns the key whose id is in the path, if it belongs to the authenticated user or an administrator asks.
func (s *server) keyInPath(r *request) (account.APIKey, error) {
	found, err := s.Keys.Key(r.Context(), r.values.Text("id"))
	if err == nil && found.UserID != r.Actor.User.ID && !r.Actor.Allows(account.ScopeAdmin) {
		err = problem.NotFound
	}
	if errors.Is(err, problem.NotFound) {
		return found, problem.New(problem.NotFound, "not_found", "You have no API key with this id.")
	}
	return found, err
}

// checkGrant refuses a key that could do more than the key that creates it, or could do it for longer.
func checkGrant(creator account.APIKey, wanted access.NewKey) error {
	end := creator.End() // a replaced key may be valid for a while yet
	switch {
	case !allowsAll(creator, wanted.Scopes):
		return grantRefused("scopes", "scope_not_held", "An API key cannot grant a scope that it does not have itself.")
	case !creator.Allows(account.ScopeAdmin) && access.TierExceeds(wanted.Tier, creator.Tier):
		return grantRefused("tier", "tier_not_held", "An API key cannot grant a tier above its own, "+creator.Tier+".")
	case !end.IsZero() && (wanted.ExpiresAt.IsZero() || wanted.ExpiresAt.After(end)):
		return grantRefused("expires_at", "outlives_maker", "An API key that expires, or has been replaced, can only make keys that expire no later.")
	}
	return nil
}

func grantRefused(field, code, message string) error {
	return problem.New(problem.Forbidden, code, message).In(field)
}

// allowsAll reports whether a key or an actor has all the scopes.
func allowsAll(holder interface{ Allows(account.Scope) bool }, scopes []account.Scope) bool {
	return !slices.ContainsFunc(scopes, func(scope account.Scope) bool { return !holder.Allows(scope) })
}

// revokeKey revokes a key. A key cannot revoke one that has a scope it does not have itself.
func (s *server) revokeKey(w http.ResponseWriter, r *request) error {
	found, err := s.keyInPath(r)
	if err != nil {
		return err
	}
	if !allowsAll(r.Actor, found.Scopes) {
		return grantRefused("", "scope_not_held", "An API key cannot revoke one that has a scope it does not have itself.")
	}
	if err := s.Authenticator.RevokeKey(r.Context(), found.UserID, found.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
