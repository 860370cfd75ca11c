package access

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/problem"
)

// vector is a key worked out by hand, with the checksum from an independent CRC-32: the form of keys must never
// change, or every key in use is refused.
const vector = "hea_000000000000_00000000000000000000000000000000000000000000GxK3d"

func TestKeyForm(t *testing.T) {
	t.Parallel()
	k, err := parseKey(vector)
	if err != nil {
		t.Fatal(err)
	}
	if k.id() != strings.Repeat("0", 12) || k.secret() != strings.Repeat("0", 43) {
		t.Errorf("id %q, secret %q", k.id(), k.secret())
	}
}

func TestNewKeysAreWellFormedAndDiffer(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^hea_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$`)
	seen := map[string]bool{}
	for range 1000 {
		k := newKey()
		if !form.MatchString(k.text) {
			t.Fatalf("not of the form: %s", k.text)
		}
		if again, err := parseKey(k.text); err != nil || again != k {
			t.Fatalf("parseKey(newKey()) = %v, %v", again, err)
		}
		if seen[k.id()] || seen[k.secret()] {
			t.Fatal("made twice")
		}
		seen[k.id()], seen[k.secret()] = true, true
	}
}

// Each of the 62 characters must be as likely as any other. With 62,000 draws the count of one is 1000 ± 31; a
// generator that takes bytes modulo 62 draws the first eight 21 % too often.
func TestRandomTextIsFair(t *testing.T) {
	t.Parallel()
	counts := map[rune]int{}
	for _, r := range randomText(62_000) {
		counts[r]++
	}
	for _, r := range base62 {
		if n := counts[r]; n < 800 || n > 1170 {
			t.Errorf("%q drawn %d times of 62,000", r, n)
		}
	}
}

func TestTypingErrorsAreRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawKey(t)
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		var wrong string
		switch rapid.SampledFrom([]string{"change", "swap", "lose", "double", "insert"}).Draw(t, "error") {
		case "change":
			other := rapid.SampledFrom([]byte(base62+"_- \x00.é")).Draw(t, "other")
			wrong = text[:at] + string([]byte{other}) + text[at+1:]
		case "swap":
			at = min(at, len(text)-2)
			wrong = text[:at] + text[at+1:at+2] + text[at:at+1] + text[at+2:]
		case "lose":
			wrong = text[:at] + text[at+1:]
		case "double":
			wrong = text[:at+1] + text[at:]
		case "insert":
			wrong = text[:at] + rapid.StringN(1, 3, 8).Draw(t, "more") + text[at:]
		}
		if strings.TrimFunc(wrong, isInvisible) == text {
			t.Skip("no error at all")
		}
		if _, err := parseKey(wrong); err == nil {
			t.Fatalf("%q passes for %q", wrong, text)
		}
	})
}

// Every single-character error of one key, without leaving any to chance.
func TestEverySingleTypingErrorOfOneKeyIsRefused(t *testing.T) {
	t.Parallel()
	text := newKey().text
	for at := range len(text) {
		for c := range 256 {
			wrong := text[:at] + string([]byte{byte(c)}) + text[at+1:]
			if _, err := parseKey(wrong); err == nil && wrong != text {
				t.Errorf("%q passes for %q", wrong, text)
			}
		}
		if at+1 < len(text) && text[at] != text[at+1] {
			wrong := text[:at] + text[at+1:at+2] + text[at:at+1] + text[at+2:]
			if _, err := parseKey(wrong); err == nil {
				t.Errorf("%q passes for %q", wrong, text)
			}
		}
	}
}

func TestInvisibleCharactersAroundAKeyAreTrimmed(t *testing.T) {
	t.Parallel()
	want := newKey()
	for name, around := range map[string]string{
		"nothing":                "",
		"blanks and tabs":        " \t ",
		"line breaks":            "\r\n\n",
		"no-break space":         "\u00a0",
		"narrow no-break space":  "\u202f",
		"line separator":         "\u2028",
		"zero-width":             "\u200b\u200c\u200d\u2060",
		"byte order mark":        "\ufeff",
		"direction marks":        "\u200e\u202a",
		"Latin-1 no-break space": "\xa0",
		"several":                " \ufeff\u00a0\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parseKey(around + want.text + around); err != nil || got != want {
				t.Errorf("parseKey = %v, %v", got, err)
			}
			_, err := parseKey(around)
			wantCode(t, err, problem.Unauthenticated, "missing_key")
			_, err = parseKey(want.text[:20] + around + " " + want.text[20:])
			wantCode(t, err, problem.Unauthenticated, "malformed_key")
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(vector)
	f.Add("")
	f.Add("\ufeff hea_x\xff")
	f.Add("Bearer " + vector)
	f.Fuzz(func(t *testing.T, presented string) {
		k, err := parseKey(presented)
		if err != nil {
			wantKind(t, err)
			return
		}
		if len(k.text) != 66 || !strings.Contains(presented, k.text) || len(k.id()) != 12 || len(k.secret()) != 43 {
			t.Errorf("parseKey(%q) = %q", presented, k.text)
		}
	})
}

func wantKind(t *testing.T, err error) {
	t.Helper()
	if problem.KindOf(err) != problem.Unauthenticated {
		t.Errorf("error = %v; want kind Unauthenticated", err)
	}
}

// drawKey makes a key of drawn characters, so that a failure can be shrunk and repeated.
func drawKey(t *rapid.T) string {
	body := "hea_" + rapid.StringMatching(`[0-9A-Za-z]{12}`).Draw(t, "id") + "_" +
		rapid.StringMatching(`[0-9A-Za-z]{43}`).Draw(t, "secret")
	return body + checksum(body)
}
