package server

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/health"
)

// key is an API key as clients see it. The text of the key itself is shown once, when it is made.
type key struct {
	ID         string         `json:"id"`
	Key        string         `json:"key,omitempty"`
	Name       string         `json:"name"`
	Scopes     []health.Scope `json:"scopes"`
	Tier       string         `json:"tier"`
	CreatedAt  time.Time      `json:"created_at"`
	ExpiresAt  time.Time      `json:"expires_at,omitzero"`
	RevokedAt  time.Time      `json:"revoked_at,omitzero"`
	LastUsedAt time.Time      `json:"last_used_at,omitzero"`
}

func keyOf(k health.APIKey) key {
	return key{
		ID: k.ID, Name: k.Name, Scopes: k.Scopes, Tier: k.Tier,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt,
	}
}

func (s *server) listKeys(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Keys.KeysOf(r.Context(), actorOf(r).User.ID)
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

// newKey is what a client says of a key that is to be made.
type newKey struct {
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	Tier      string    `json:"tier"`
	ExpiresAt time.Time `json:"expires_at"`
}

// createKey makes a key for the user who asks.
func (s *server) createKey(w http.ResponseWriter, r *http.Request) error {
	var sent newKey
	if err := readJSON(w, r, &sent); err != nil {
		return err
	}
	scopes, err := access.ParseScopes(strings.Join(sent.Scopes, ","))
	if err != nil {
		return err
	}
	actor := actorOf(r)
	maker, err := s.Keys.Key(r.Context(), actor.KeyID)
	if err != nil {
		return err
	}
	wanted := access.NewKey{
		UserID: actor.User.ID, Name: sent.Name, Scopes: scopes, Tier: cmp.Or(sent.Tier, maker.Tier), ExpiresAt: sent.ExpiresAt,
	}
	if err := withinPower(maker, wanted); err != nil {
		return err
	}
	created, text, err := s.Door.CreateKey(r.Context(), wanted)
	if err != nil {
		return err
	}
	answer := keyOf(created)
	answer.Key = text
	w.Header().Set("Location", "/v1/keys/"+created.ID)
	return writeJSON(w, http.StatusCreated, answer)
}

// withinPower refuses a key that could do more than the key that makes it, or could do it for longer.
func withinPower(maker health.APIKey, wanted access.NewKey) error {
	switch {
	case !allowsAll(maker, wanted.Scopes):
		return beyondPower("scopes", "scope_not_held", "An API key cannot grant a scope that it does not have itself.")
	case !maker.Allows(health.ScopeAdmin) && wanted.Tier != maker.Tier:
		return beyondPower("tier", "tier_not_held", "An API key can only make keys of its own tier, "+maker.Tier+".")
	case !maker.ExpiresAt.IsZero() && (wanted.ExpiresAt.IsZero() || wanted.ExpiresAt.After(maker.ExpiresAt)):
		return beyondPower("expires_at", "outlives_maker", "An API key that expires can only make keys that expire no later.")
	}
	return nil
}

func beyondPower(field, code, message string) error {
	return health.NewError(health.Forbidden, code, message).In(field)
}

// allowsAll reports whether a key, or who holds it, has all the scopes.
func allowsAll(holder interface{ Allows(health.Scope) bool }, scopes []health.Scope) bool {
	return !slices.ContainsFunc(scopes, func(scope health.Scope) bool { return !holder.Allows(scope) })
}

// revokeKey ends a key of the user who asks. As it cannot make a key that is mightier than itself, a key cannot revoke
// one either.
func (s *server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	actor, id := actorOf(r), r.PathValue("id")
	own, err := s.Keys.KeysOf(r.Context(), actor.User.ID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(own, func(k health.APIKey) bool { return k.ID == id })
	if at < 0 {
		return health.NewError(health.NotFound, "not_found", "You have no API key with this id.")
	}
	if !allowsAll(actor, own[at].Scopes) {
		return beyondPower("", "scope_not_held", "An API key cannot revoke one that has a scope it does not have itself.")
	}
	if err := s.Door.RevokeKey(r.Context(), actor.User.ID, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
