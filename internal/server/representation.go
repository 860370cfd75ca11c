package server

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// representation is one media type of a response.
type representation struct {
	name      string // its name in the query parameter format
	mediaType string
}

// representations are the media types of one response, the default first.
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

// accepted returns the representation with the greatest quality (RFC 9110 §12.5.1), the earlier one of equals.
func (offered representations) accepted(accept string) representation {
	best, most := offered[0], 0.0
	for _, form := range offered {
		if quality := qualityOf(accept, form.mediaType); quality > most {
			best, most = form, quality
		}
	}
	return best
}

// qualityOf returns the quality that Accept gives to a media type, by the most specific range that matches.
func qualityOf(accept, mediaType string) float64 {
	quality, most := 0.0, 0
	for entry := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		specificity := 0
		switch kind, _, _ := strings.Cut(mediaType, "/"); media {
		case mediaType:
			specificity = 3
		case kind + "/*":
			specificity = 2
		case "*/*":
			specificity = 1
		}
		if specificity <= most {
			continue
		}
		most, quality = specificity, 1
		if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil {
			quality = q
		}
	}
	return quality
}

// setAttachment makes browsers save the response under a name.
func setAttachment(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
}
