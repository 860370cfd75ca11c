package server

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// representation is one of the forms in which there is an answer.
type representation struct {
	name      string // what the query parameter format calls it
	mediaType string
}

// representations are the forms of one answer, the one that is sent when nobody asks first.
type representations []representation

// chooseRepresentation returns the form that is asked for by the query parameter format, else by the header Accept. An Accept
// that none fits gets the first form rather than a refusal: it is mostly there because a client always sends it.
func chooseRepresentation(w http.ResponseWriter, r *request, offered representations) representation {
	w.Header().Add("Vary", "Accept")
	if name := r.values.Text("format"); name != "" {
		return offered[slices.IndexFunc(offered, func(form representation) bool { return form.name == name })]
	}
	return offered.accepted(strings.Join(r.Header.Values("Accept"), ","))
}

// accepted returns the form with the greatest quality (RFC 9110 §12.5.1), the earlier one of several.
func (offered representations) accepted(accept string) representation {
	best, most := offered[0], 0.0
	for _, form := range offered {
		if quality := qualityOf(accept, form.mediaType); quality > most {
			best, most = form, quality
		}
	}
	return best
}

// qualityOf returns the quality that Accept gives to a media type; the range that says most about it counts.
func qualityOf(accept, mediaType string) float64 {
	quality, precision := 0.0, 0
	for entry := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		fits := 0
		switch kind, _, _ := strings.Cut(mediaType, "/"); media {
		case mediaType:
			fits = 3
		case kind + "/*":
			fits = 2
		case "*/*":
			fits = 1
		}
		if fits <= precision {
			continue
		}
		precision, quality = fits, 1
		if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil {
			quality = q
		}
	}
	return quality
}

// setAttachment makes browsers save the answer under a name.
func setAttachment(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
}
