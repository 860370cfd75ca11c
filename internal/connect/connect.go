// Package connect creates what sets up a phone: links that create automations in the app Health Auto Export, and QR codes
// of them.
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
	// Name is one of Names.
	Name string
	// Title is what the app shows.
	Title string
	// About says, to the person who sets up the phone, what it sends and why.
	About string
	// Check says what to look at in the app afterwards, "" where there is nothing: versions of the app that do not know a
	// part of the link leave it out.
	Check string
	// Link is the deep link that makes the app create it. It holds the key.
	Link string
}

// Names are the names of automations, in the order in which they are set up.
var Names = []string{"recent", "overlap", "heart_rate", "workouts"}

// Why says why there is more than one automation.
const Why = "An automation of the app sends one kind of data, in one detail. Minutes show the course of a day, but the app's " +
	"minutes add up to more than the Health app shows; whole days are Apple's own figures, and count. And what reaches the " +
	"phone late, such as a watch that was away, is sent only by what looks back."

const sevenDays = "the last seven days"

// Automations returns the automations that together send everything so that it counts best: recent data by minutes, every
// hour; once a day the last seven days, by days, and those of the heart rate by minutes; and the workouts. Of another
// dataType than DataTypes[0] it returns two, which send that: recent data, and the last seven days. base is the address of
// the server, such as http://192.168.1.2:8080; dataType is one of DataTypes.
func Automations(base, key, dataType string) []Automation {
	s := sender{base: strings.TrimSuffix(base, "/"), key: key}
	hourly := []string{"syncinterval", "hours", "syncquantity", "1"}
	daily := []string{"syncinterval", "days", "syncquantity", "1"}
	recent := Automation{
		Name: "recent", Title: "Health Export",
		About: "What is recent, every hour: yesterday and today, minute by minute. It shows the course of a day while it goes on.",
	}
	overlap := Automation{
		Name: "overlap", Title: "Health Export 7 days",
		About: "The days, once a day: each of " + sevenDays + " as a whole. These are the figures that the Health app shows, with what reached the phone late.",
	}
	if dataType != DataTypes[0] {
		recent.About = "What is recent, every hour: yesterday and today."
		overlap.About = "Once a day, " + sevenDays + " again: what reached the phone late."
		recent.Link = s.link(recent.Title, dataType, "none", hourly, detailOf(dataType)...)
		overlap.Link = s.link(overlap.Title, dataType, "previous7Days", daily, detailOf(dataType)...)
		return []Automation{recent, overlap}
	}
	heart := Automation{
		Name: "heart_rate", Title: "Health Export heart",
		About: "The heart rate, once a day: that of " + sevenDays + ", minute by minute. Its course is what matters, and the watch sends some of it late.",
		Check: "Heart Rate alone is chosen under Health Metrics.",
	}
	workouts := Automation{
		Name: "workouts", Title: "Health Export workouts",
		About: "The workouts, once a day: those of " + sevenDays + ", with heart rate and route.",
		Check: "Include Route Data and Include Workout Metrics are on, by minutes.",
	}
	recent.Link = s.link(recent.Title, dataType, "none", hourly, summarised("minutes")...)
	overlap.Link = s.link(overlap.Title, dataType, "previous7Days", daily, summarised("days")...)
	heart.Link = s.link(heart.Title, dataType, "previous7Days", daily, append(summarised("minutes"), "metrics", "Heart Rate")...)
	workouts.Link = s.link(workouts.Title, "workouts", "previous7Days", daily, detailOf("workouts")...)
	return []Automation{recent, overlap, heart, workouts}
}

// DataTypes are the values of the app for what an automation sends; each sends one.
var DataTypes = []string{
	"healthmetrics", "workouts", "symptoms", "ecg", "heartratenotifications", "stateofmind", "cycletracking", "medications",
}

// summarised are the parameters of metrics that are summed up by an interval.
func summarised(interval string) []string {
	return []string{"aggregatedata", "true", "interval", interval}
}

// detailOf are the parameters that say in which detail a data type is sent. The links of workouts leave out what means
// nothing for them, because a QR code on a terminal is 80 columns wide at most.
func detailOf(dataType string) []string {
	if dataType == "workouts" {
		return []string{"includeroutes", "true", "includeworkoutmetadata", "true", "workoutsmetadatainterval", "minutes"}
	}
	return summarised("minutes")
}

// sender is where the automations send, and with what.
type sender struct{ base, key string }

// link returns a deep link. schedule and detail are names and values of parameters.
func (s sender) link(title, dataType, period string, schedule []string, detail ...string) string {
	parameters := slices.Concat([]string{
		"url", s.base + "/v1/ingest", "name", title, "headers", "X-API-Key," + s.key, "format", "json",
		"datatype", dataType, "period", period,
	}, detail, schedule, []string{"exportversion", "v2", "batchrequests", "true"})
	var b strings.Builder
	b.WriteString("com.HealthExport://automation")
	for i := 0; i < len(parameters); i += 2 {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(parameters[i] + "=" + escape(parameters[i+1]))
	}
	return b.String()
}

// escape escapes a value of the link. A blank becomes %20, because the app does not decode a plus sign. The comma between
// the name and the value of a header is not escaped.
func escape(value string) string {
	return strings.NewReplacer("+", "%20", "%2C", ",").Replace(url.QueryEscape(value))
}

// CheckBase returns the address of a server in the form Automations takes; ok is false if it is not valid.
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

// Addresses returns the addresses at which a server that listens on listen (host:port) can be reached, the likeliest
// first. interfaces are the addresses of this machine, see net.InterfaceAddrs; they are used where it listens on all of
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

// addressRank is greater the less likely a phone in the same network uses an address.
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
