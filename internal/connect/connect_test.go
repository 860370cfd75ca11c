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
	const (
		start = "com.HealthExport://automation?url=http%3A%2F%2F192.168.1.2%3A8080%2Fv1%2Fingest&name="
		key   = "&headers=X-API-Key,hea_abc_def&format=json&datatype="
		end   = "&syncquantity=1&exportversion=v2&batchrequests=true"
	)
	want := map[string]string{
		"recent":     start + "Health%20Export" + key + "healthmetrics&period=none&aggregatedata=true&interval=minutes&syncinterval=hours" + end,
		"overlap":    start + "Health%20Export%207%20days" + key + "healthmetrics&period=previous7Days&aggregatedata=true&interval=days&syncinterval=days" + end,
		"heart_rate": start + "Health%20Export%20heart" + key + "healthmetrics&period=previous7Days&aggregatedata=true&interval=minutes&metrics=Heart%20Rate&syncinterval=days" + end,
		"workouts": start + "Health%20Export%20workouts" + key + "workouts&period=previous7Days&includeroutes=true&includeworkoutmetadata=true" +
			"&workoutsmetadatainterval=minutes&syncinterval=days" + end,
	}
	for i, a := range got {
		if a.Name != Names[i] || a.About == "" || a.Title == "" {
			t.Errorf("automation %d: %+v", i, a)
		}
		if diff := cmp.Diff(want[a.Name], a.Link); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a.Name, diff)
		}
	}
	if len(got) != len(Names) {
		t.Errorf("%d automations", len(got))
	}
	for _, dataType := range DataTypes[1:] {
		if some := Automations("http://h", "k", dataType); len(some) != 2 || some[0].Name != "recent" || some[1].Name != "overlap" {
			t.Errorf("%s: %+v", dataType, some)
		}
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
	code, err := NewCode(Automations("http://192.168.1.2:8080", "hea_abc_"+strings.Repeat("x", 49), "healthmetrics")[3].Link)
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
