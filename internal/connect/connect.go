// Package connect makes the set-up of a phone: the links that create automations in the app Health Auto Export, and the
// pictures of them that a phone's camera reads.
package connect

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Automation is one automation of the app.
type Automation struct {
	// Name is the word by which it is asked for: recent or overlap.
	Name string
	// Title is what the app shows.
	Title string
	// Link is the deep link that makes the app create it. It holds the key.
	Link string
}

// Automations returns the two automations with which nothing is missed: what is recent, every hour, and once a day the
// last seven days again, for entries that reach the phone late. base is the address of the server, such as
// http://192.168.1.2:8080; dataType one of DataTypes.
func Automations(base, key, dataType string) []Automation {
	recent := Automation{Name: "recent", Title: "Health Export"}
	recent.Link = link(base, key, dataType, recent.Title, "period", "none", "syncinterval", "hours", "syncquantity", "1")
	overlap := Automation{Name: "overlap", Title: "Health Export 7 days"}
	overlap.Link = link(base, key, dataType, overlap.Title, "period", "previous7Days", "syncinterval", "days", "syncquantity", "1")
	return []Automation{recent, overlap}
}

// DataTypes are what an automation may send, as the app calls it: one of them each.
var DataTypes = []string{
	"healthmetrics", "workouts", "symptoms", "ecg", "heartratenotifications", "stateofmind", "cycletracking", "medications",
}

// link makes a deep link. Both automations send minutes, so that what comes twice replaces itself.
func link(base, key, dataType, title string, schedule ...string) string {
	parameters := []string{
		"url", strings.TrimSuffix(base, "/") + "/v1/ingest", "name", title, "headers", "X-API-Key," + key, "format", "json",
		"datatype", dataType, "aggregatedata", "true",
	}
	parameters = append(parameters, schedule[:2]...)
	parameters = append(parameters, "interval", "minutes")
	parameters = append(parameters, schedule[2:]...)
	parameters = append(parameters, "exportversion", "v2", "batchrequests", "true")
	var b strings.Builder
	b.WriteString("com.HealthExport://automation")
	for i := 0; i < len(parameters); i += 2 {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(parameters[i] + "=" + escape(parameters[i+1]))
	}
	return b.String()
}

// escape escapes a value of the link. A blank is %20: the app does not take a plus sign for one. The comma between the name
// and the value of a header is not escaped.
func escape(value string) string {
	return strings.NewReplacer("+", "%20", "%2C", ",").Replace(url.QueryEscape(value))
}

// CheckBase returns the address of a server in the form Automations takes; ok is false for what is none.
func CheckBase(text string) (base string, ok bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	return strings.TrimSuffix(u.String(), "/"), true
}

// Local reports whether only this machine itself can reach an address such as http://127.0.0.1:8080.
func Local(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// Addresses returns the addresses under which a server that listens on listen (host:port) can be reached, the likeliest
// first. interfaces are the addresses of this machine, see net.InterfaceAddrs; they count where it listens on all of
// them.
func Addresses(listen string, interfaces []net.Addr) []string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	if address, err := netip.ParseAddr(host); host != "" && (err != nil || !address.IsUnspecified()) {
		return []string{"http://" + net.JoinHostPort(host, port)}
	}
	var found []netip.Addr
	for _, i := range interfaces {
		prefix, err := netip.ParsePrefix(i.String())
		if err != nil || prefix.Addr().IsLoopback() || prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		found = append(found, prefix.Addr().Unmap())
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return addressRank(a) - addressRank(b) })
	bases := make([]string, 0, len(found))
	for _, address := range found {
		bases = append(bases, "http://"+net.JoinHostPort(address.String(), port))
	}
	return bases
}

// addressRank is greater the less likely a phone in the same house uses an address.
func addressRank(a netip.Addr) int {
	switch {
	case a.Is4() && a.IsPrivate():
		return 0
	case a.Is4():
		return 1
	case a.IsPrivate():
		return 2
	default:
		return 3
	}
}
