package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// address checks that nobody else listens where the server will, or that it is the server itself: then asked answers with
// mark.
func (d *doctor) address(ctx context.Context, client *http.Client, check, address, url, marker string) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err == nil {
		_ = listener.Close()
		d.add(check, statusOK, "", "%s is free", address)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, answer, err := get(ctx, client, url); err == nil && strings.Contains(string(answer), marker) {
		d.add(check, statusOK, "", "the server listens on %s", address)
		return
	}
	d.add(check, statusFailure, "Stop what listens there, or choose another address with --listen or --metrics-listen.", "%s cannot be listened on: %v", address, err)
}

// loopbackAddress is an address at which this machine reaches a server that listens on address.
func loopbackAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // a container without /etc/hosts does not know the name localhost
	}
	return net.JoinHostPort(host, port)
}

// redis checks that Redis can be reached, where the configuration names one.
func (d *doctor) redis(ctx context.Context) {
	address := ""
	for _, item := range d.settings.list {
		if item.key == "redis" {
			address = item.value
		}
	}
	if address == "" {
		d.add("redis", statusOK, "", "none is configured: every server counts and remembers for itself")
		return
	}
	const advice = "Check --redis (REDIS_URL) and that Redis runs. Without it every server counts and remembers for itself."
	u, err := url.Parse(address)
	if err != nil {
		d.add("redis", statusFailure, advice, "its address cannot be read")
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "6379")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		d.add("redis", statusWarning, advice, "%s cannot be reached: %v", host, err)
		return
	}
	_ = conn.Close()
	d.add("redis", statusOK, "", "%s can be reached", host)
}
