package format

import (
	"io"
	"path"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// emitClinicalRecord emits a health record with the FHIR resource it refers to, unchanged.
func (a *appleDecoder) emitClinicalRecord(n *node, typ string) error {
	object := n.object(eventAttributes...)
	if file := n.attr("resourceFilePath"); file != "" {
		if resource := a.readResource(a.resolvePath(file)); resource != nil {
			object["resource"] = resource
		}
	}
	return a.emitEvent(n, typ, typ, object)
}

// readResource returns the JSON in a file of the archive, nil where there is no such file or it is not JSON.
func (a *appleDecoder) readResource(name string) jsontext.Value {
	if a.archive == nil {
		return nil
	}
	content, err := a.archive.Open(name)
	if err != nil {
		return nil
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, maxElement+1))
	if err != nil || len(text) > maxElement {
		return nil
	}
	canonical, err := health.CanonicalJSON(text)
	if err != nil || strings.Contains(canonical, `\u0000`) {
		return nil
	}
	return jsontext.Value(canonical)
}

// resolvePath returns the name in the archive of a file that the main file refers to by a path from its directory, and
// marks it as referenced.
func (a *appleDecoder) resolvePath(file string) string {
	name := path.Join(a.directory, strings.ReplaceAll(file, `\`, "/"))
	a.referenced[name] = true
	return name
}
