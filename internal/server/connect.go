package server

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/connect"
	"github.com/health-export/health-export/internal/problem"
)

// phone is the request body of connectPhone. Every member is optional.
type phone struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	DataType   string `json:"data_type"`
	Automation string `json:"automation"`
}

// connection is the set-up of a phone.
type connection struct {
	Key         key          `json:"key"`
	URL         string       `json:"url"`
	Warning     string       `json:"warning,omitzero"`
	Automations []automation `json:"automations"`
}

type automation struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about"`
	Check string `json:"check,omitzero"`
	Link  string `json:"link"`
	SVG   string `json:"svg"`
}

const loopbackWarning = "Only the server's own machine can reach this address. Name one that the phone can reach in url, or set public_url."

// connectPhone creates a key for a phone and returns the links that set up the app: as JSON, or one of them as a picture
// where the client prefers that. It is a POST because every call creates a key.
func (s *server) connectPhone(w http.ResponseWriter, r *request) error {
	var sent phone
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	base, err := s.checkPhone(r.Request, &sent)
	if err != nil {
		return err
	}
	creator, err := s.Keys.Key(r.Context(), r.Actor.KeyID)
	if err != nil {
		return err
	}
	wanted := access.NewKey{
		UserID: r.Subject.ID, Name: sent.Name, Scopes: []account.Scope{account.ScopeIngest}, Tier: creator.Tier, ExpiresAt: creator.ExpiresAt,
	}
	if err := checkGrant(creator, wanted); err != nil {
		return err
	}
	created, secret, err := s.Authenticator.CreateKey(r.Context(), wanted)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/keys/"+created.ID)
	w.Header().Set("Cache-Control", "no-store") // the answer holds a key
	automations := connect.Automations(base, secret, sent.DataType)
	if picture := preferredPicture(r.Header); picture != "" {
		return writePicture(w, picture, automations, sent.Automation)
	}
	answer := connection{Key: keyOf(created), URL: base}
	answer.Key.Key = secret
	if connect.Local(base) {
		answer.Warning = loopbackWarning
	}
	for _, a := range automations {
		code, err := connect.NewCode(a.Link)
		if err != nil {
			return err
		}
		answer.Automations = append(answer.Automations, automation{a.Name, a.Title, a.About, a.Check, a.Link, string(code.SVG())})
	}
	return writeJSON(w, http.StatusCreated, answer)
}

// checkPhone fills in the defaults, and returns the base URL of the server for the phone.
func (s *server) checkPhone(r *http.Request, sent *phone) (base string, err error) {
	sent.Name = cmp.Or(strings.TrimSpace(sent.Name), "phone")
	sent.DataType = cmp.Or(sent.DataType, connect.DataTypes[0])
	sent.Automation = cmp.Or(sent.Automation, "recent")
	if !slices.Contains(connect.DataTypes, sent.DataType) {
		return "", problem.New(problem.Invalid, "invalid_data_type",
			"This is nothing the app sends. Give one of "+strings.Join(connect.DataTypes, ", ")+".").In("data_type")
	}
	of := connect.Names
	if sent.DataType != connect.DataTypes[0] {
		of = of[:2]
	}
	if !slices.Contains(of, sent.Automation) {
		return "", problem.New(problem.Invalid, "invalid_automation", "Give one of "+strings.Join(of, ", ")+".").In("automation")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	base, ok := connect.CheckBase(cmp.Or(sent.URL, s.PublicURL, scheme+"://"+r.Host))
	if !ok || len(base) > 200 {
		return "", problem.New(problem.Invalid, "invalid_url",
			"This is not the address of a server. Give one such as https://health.example.org, without a path to anything in it.").In("url")
	}
	return base, nil
}

// preferredPicture returns the media type of the picture that a client accepts, "" where it accepts JSON.
func preferredPicture(header http.Header) string {
	accept := strings.ToLower(strings.Join(header.Values("Accept"), ","))
	for media := range strings.SplitSeq(accept, ",") {
		switch media, _, _ = strings.Cut(media, ";"); strings.TrimSpace(media) {
		case "application/json", "application/*", "*/*":
			return ""
		case "image/svg+xml", "image/*":
			return "image/svg+xml"
		case "image/png":
			return "image/png"
		}
	}
	return ""
}

func writePicture(w http.ResponseWriter, media string, automations []connect.Automation, name string) error {
	at := slices.IndexFunc(automations, func(a connect.Automation) bool { return a.Name == name })
	code, err := connect.NewCode(automations[at].Link)
	if err != nil {
		return err
	}
	picture := code.SVG()
	if media == "image/png" {
		picture = code.PNG()
	}
	writeBytes(w, media, http.StatusCreated, picture)
	return nil
}
