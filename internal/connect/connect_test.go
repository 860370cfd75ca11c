package connect

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAutomations(t *testing.T) {
	t.Parallel()
	got := Automations("http://192.168.1.2:8080/", "hea_abc_def", "healthmetrics")
	want := []Automation{
		{"recent", "Health Export", "com.HealthExport://automation?url=http%3A%2F%2F192.168.1.2%3A8080%2Fv1%2Fingest&name=Health%20Export" +
			"&headers=X-API-Key,hea_abc_def&format=json&datatype=healthmetrics&aggregatedata=true&period=none&interval=minutes" +
			"&syncinterval=hours&syncquantity=1&exportversion=v2&batchrequests=true"},
		{"overlap", "Health Export 7 days", "com.HealthExport://automation?url=http%3A%2F%2F192.168.1.2%3A8080%2Fv1%2Fingest&name=Health%20Export%207%20days" +
			"&headers=X-API-Key,hea_abc_def&format=json&datatype=healthmetrics&aggregatedata=true&period=previous7Days&interval=minutes" +
			"&syncinterval=days&syncquantity=1&exportversion=v2&batchrequests=true"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	parsed, err := url.Parse(Automations("https://h.example/a b&c", "k", "workouts")[0].Link)
	if err != nil || parsed.Query().Get("url") != "https://h.example/a b&c/v1/ingest" || parsed.Query().Get("datatype") != "workouts" {
		t.Errorf("the link is read as %v, %v", parsed.Query(), err)
	}
}

func TestCheckBase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://health.example.org/": "https://health.example.org", " http://[fd00::1]:8080 ": "http://[fd00::1]:8080",
		"https://h.example/sub/": "https://h.example/sub",
		"":                       "", "health.example.org": "", "ftp://h.example": "", "http://": "", "http://u:p@h.example": "", "http://h.example?x": "",
	} {
		if got, ok := CheckBase(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func address(text string) net.Addr {
	ip, network, _ := net.ParseCIDR(text)
	return &net.IPNet{IP: ip, Mask: network.Mask}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	interfaces := []net.Addr{
		address("127.0.0.1/8"), address("::1/128"), address("fe80::1/64"), address("2001:db8::5/64"), address("203.0.113.7/24"),
		address("fd00::5/64"), address("192.168.1.2/24"), &net.UnixAddr{Name: "x"},
	}
	everywhere := []string{"http://192.168.1.2:8080", "http://203.0.113.7:8080", "http://[fd00::5]:8080", "http://[2001:db8::5]:8080"}
	for listen, want := range map[string][]string{
		"0.0.0.0:8080": everywhere, "[::]:8080": everywhere, ":8080": everywhere,
		"127.0.0.1:8080": {"http://127.0.0.1:8080"}, "nas.local:80": {"http://nas.local:80"}, "nonsense": nil,
	} {
		if got := Addresses(listen, interfaces); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", listen, got, want)
		}
	}
	for base, local := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:1": true, "http://192.168.1.2:8080": false, "https://h.example": false,
	} {
		if Local(base) != local {
			t.Errorf("%s: local is not %v", base, local)
		}
	}
}

// The pictures must show the same modules: each is read back and compared with the code.
func TestPicturesAgree(t *testing.T) {
	t.Parallel()
	code, err := NewCode(Automations("http://192.168.1.2:8080", "hea_abc_"+strings.Repeat("x", 49), "healthmetrics")[1].Link)
	if err != nil {
		t.Fatal(err)
	}
	side := code.code.Size + 2*quietZone
	lines := strings.Split(strings.TrimSuffix(code.Terminal(), "\n"), "\n")
	if len(lines) != (side+1)/2 || side > 80 {
		t.Errorf("%d lines of %d columns", len(lines), side)
	}
	for y, line := range lines {
		modules := []rune(strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;47m"), "\x1b[0m"))
		for x, module := range modules {
			upper, lower := module == '█' || module == '▀', module == '█' || module == '▄'
			if upper != code.black(x-quietZone, 2*y-quietZone) || lower != code.black(x-quietZone, 2*y+1-quietZone) {
				t.Fatalf("the character at %d, %d is %q", x, y, module)
			}
		}
	}
	picture, err := png.Decode(bytes.NewReader(code.PNG()))
	if err != nil {
		t.Fatal(err)
	}
	scale := picture.Bounds().Dx() / side
	for y := range side {
		for x := range side {
			r, _, _, _ := picture.At(x*scale+scale/2, y*scale+scale/2).RGBA()
			if (r == 0) != code.black(x-quietZone, y-quietZone) {
				t.Fatalf("the module at %d, %d differs in the PNG", x, y)
			}
		}
	}
	blacks := 0
	for y := range code.code.Size {
		for x := range code.code.Size {
			if code.black(x, y) {
				blacks++
			}
		}
	}
	if got := strings.Count(string(code.SVG()), "h1v1h-1z"); got != blacks {
		t.Errorf("the SVG has %d modules, the code %d", got, blacks)
	}
	decoder := xml.NewDecoder(bytes.NewReader(code.SVG()))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTooLongForACode(t *testing.T) {
	t.Parallel()
	if _, err := NewCode(strings.Repeat("x", 3000)); err == nil {
		t.Error("a text of 3000 bytes has a QR code")
	}
}
