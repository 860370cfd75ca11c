package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/health"
)

// canonicalObject returns an object of texts, numbers, lists and objects as canonical JSON, "" for an empty one. The
// error: a text is not valid UTF-8.
func canonicalObject(object map[string]any) (string, error) {
	if len(object) == 0 {
		return "", nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return "", err
	}
	return health.CanonicalJSON(text)
}

// mustCanonicalObject is canonicalObject for texts that are known to be valid.
func mustCanonicalObject(object map[string]any) string {
	text, err := canonicalObject(object)
	if err != nil {
		panic(fmt.Sprintf("format: attributes are not JSON: %v", err))
	}
	return text
}

// digestOf identifies an event that has neither an id nor a time by its content.
func digestOf(content string) string {
	digest := sha256.Sum256([]byte(content))
	return hex.EncodeToString(digest[:])
}
