package access

import (
	"crypto/rand"
	"hash/crc32"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A key reads hea_<id>_<secret><checksum>. The prefix lets secret scanners recognise it, the id finds its row, the
// secret carries 256 bits, and the checksum, the CRC-32 (IEEE) of everything before it, distinguishes a mistyped
// key from a wrong one without a look-up.
const (
	keyPrefix      = "hea_"
	idLength       = 12
	secretLength   = 43 // 62⁴³ > 2²⁵⁶
	checksumLength = 6  // 62⁶ > 2³²
	secretStart    = len(keyPrefix) + idLength + 1
	checksumStart  = secretStart + secretLength
	keyLength      = checksumStart + checksumLength
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// key is a whole API key. It is a secret: it must not reach a log, an error or a cache.
type key struct {
	text string // well formed
}

// newKey generates a key.
func newKey() key {
	body := keyPrefix + randomText(idLength) + "_" + randomText(secretLength)
	return key{text: body + checksum(body)}
}

// parseKey reads a presented key and ignores blanks around it. The error never holds any part of it.
func parseKey(input string) (key, error) {
	text := strings.TrimFunc(input, isInvisible)
	switch {
	case text == "":
		return key{}, errMissingKey()
	case !wellFormed(text), checksum(text[:checksumStart]) != text[checksumStart:]:
		return key{}, errMalformedKey()
	}
	return key{text: text}, nil
}

// id returns the public part of the key.
func (k key) id() string { return k.text[len(keyPrefix) : secretStart-1] }

// secret returns the part that only the holder has.
func (k key) secret() string { return k.text[secretStart:checksumStart] }

func wellFormed(text string) bool {
	if len(text) != keyLength || !strings.HasPrefix(text, keyPrefix) || text[secretStart-1] != '_' {
		return false
	}
	return isBase62(text[len(keyPrefix):secretStart-1]) && isBase62(text[secretStart:])
}

func isBase62(text string) bool {
	for _, c := range []byte(text) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

// checksum returns the CRC-32 of body in base 62, most significant digit first.
func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var digits [checksumLength]byte
	for i := range digits {
		digits[checksumLength-1-i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

// randomText returns n base62 characters, each of them equally likely.
func randomText(n int) string {
	const fair = 256 - 256%len(base62) // bytes from here on would favour the first characters
	text := make([]byte, 0, n)
	var random [64]byte
	for len(text) < n {
		rand.Read(random[:]) // never fails: crypto/rand ends the program instead
		for _, b := range random {
			if int(b) < fair && len(text) < n {
				text = append(text, base62[int(b)%len(base62)])
			}
		}
	}
	return string(text)
}

// isInvisible reports whether r is a character that is copied along with a key unseen: blanks and line breaks of all
// sorts, zero-width characters, a byte order mark, and a byte that is not UTF-8, which is what a no-break space becomes
// in a header sent as Latin-1.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || r == utf8.RuneError
}
