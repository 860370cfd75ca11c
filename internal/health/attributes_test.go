package health

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMergeAttributes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, have, later, want string }{
		{"nothing and nothing", "", "", ""},
		{"nothing new", `{"a":1}`, "", `{"a":1}`},
		{"only new", "", `{"a":1}`, `{"a":1}`},
		{"the same", `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{"another member", `{"b":2}`, `{"a":1}`, `{"a":1,"b":2}`},
		{"later wins", `{"a":1,"b":2}`, `{"a":3}`, `{"a":3,"b":2}`},
		{"null erases nothing", `{"a":1}`, `{"a":null}`, `{"a":1}`},
		{"empty text erases nothing", `{"a":"x"}`, `{"a":""}`, `{"a":"x"}`},
		{"empty list erases nothing", `{"a":[1]}`, `{"a":[]}`, `{"a":[1]}`},
		{"empty object erases nothing", `{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{"empty is kept where there was nothing", `{"b":1}`, `{"a":null}`, `{"a":null,"b":1}`},
		{"empty is replaced", `{"a":null}`, `{"a":1}`, `{"a":1}`},
		{"zero and false are values", `{"a":1,"b":true}`, `{"a":0,"b":false}`, `{"a":0,"b":false}`},
		{"objects are replaced whole", `{"a":{"x":1}}`, `{"a":{"y":2}}`, `{"a":{"y":2}}`},
		{"digits are kept", `{"a":1.50}`, `{"b":10000000000000000001}`, `{"a":1.50,"b":10000000000000000001}`},
		{"have is no object", `[1]`, `{"a":1}`, `{"a":1}`},
		{"later is no object", `{"a":1}`, `[1]`, `{"a":1}`},
		{"later is no JSON", `{"a":1}`, `{"a":`, `{"a":1}`},
	} {
		if got := MergeAttributes(test.have, test.later); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestMergeAttributesLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		have, later := attributes().Draw(t, "have"), attributes().Draw(t, "later")
		merged := MergeAttributes(have, later)
		if again := MergeAttributes(merged, later); again != merged {
			t.Fatalf("merging %s again into %s gives %s", later, merged, again)
		}
		if earlier := MergeAttributes(have, merged); earlier != merged {
			t.Fatalf("%s is not all of %s and %s: %s", merged, have, later, earlier)
		}
		if merged != "" {
			if canonical, err := CanonicalJSON([]byte(merged)); err != nil || canonical != merged {
				t.Fatalf("%s is not canonical: %s, %v", merged, canonical, err)
			}
		}
		members, of := object(t, merged), object(t, have)
		for name := range object(t, later) {
			of[name] = nil
		}
		if len(members) != len(of) {
			t.Fatalf("%s and %s make %s", have, later, merged)
		}
	})
}

func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sent, want string }{
		{` { "b" : 1 , "a" : [ 1 , { "d" : 2 , "c" : 3 } ] } `, `{"a":[1,{"c":3,"d":2}],"b":1}`},
		{`{"a":1.50,"b":1e3,"c":10000000000000000001}`, `{"a":1.50,"b":1e3,"c":10000000000000000001}`},
		{`"\u0041\/\u00e9"`, `"A/é"`},
		{`null`, `null`},
	} {
		got, err := CanonicalJSON([]byte(test.sent))
		if err != nil || got != test.want {
			t.Errorf("CanonicalJSON(%s) = %s, %v, want %s", test.sent, got, err, test.want)
		}
	}
	for _, sent := range []string{``, `{`, `{"a":1,}`, `{"a":1,"a":2}`, "\"\xff\"", `1 2`} {
		if got, err := CanonicalJSON([]byte(sent)); err == nil {
			t.Errorf("CanonicalJSON(%q) = %s, want an error", sent, got)
		}
	}
	value := []byte(`{"b":1,"a":2}`)
	if _, err := CanonicalJSON(value); err != nil || string(value) != `{"b":1,"a":2}` {
		t.Errorf("the argument became %s, %v", value, err)
	}
}

// attributes draws objects in canonical form, or none. The names sort in another order by UTF-16 than by UTF-8.
func attributes() *rapid.Generator[string] {
	names := rapid.SampledFrom([]string{"a", "b", "é", "\ue000", "😀"})
	values := rapid.SampledFrom([]string{"null", `""`, "[]", "{}", "1", "1.50", `"x"`, `{"n":1}`, "false"})
	return rapid.Map(rapid.MapOfN(names, values, 0, 4), func(members map[string]string) string {
		if len(members) == 0 {
			return ""
		}
		var texts []string
		for name, value := range members {
			texts = append(texts, `"`+name+`":`+value)
		}
		canonical, err := CanonicalJSON([]byte("{" + strings.Join(texts, ",") + "}"))
		if err != nil {
			panic(err)
		}
		return canonical
	})
}

func object(t *rapid.T, text string) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
	}
	return members
}
