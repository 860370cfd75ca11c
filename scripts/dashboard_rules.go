//go:build ignore

// Dashboard_rules prints the PromQL expressions of Grafana's dashboards, which it is given as files, as a file of rules:
// promtool checks those.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
)

type panels []struct {
	Targets []struct{ Expr string }
}

func main() {
	fmt.Println("groups:\n  - name: dashboards\n    rules:")
	n := 0
	for _, file := range os.Args[1:] {
		content, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		var dashboard struct{ Panels panels }
		if err := json.Unmarshal(content, &dashboard); err != nil {
			log.Fatalf("%s: %v", file, err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				if target.Expr != "" {
					n++
					fmt.Printf("      - record: dashboard:%d\n        expr: %q\n", n, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
				}
			}
		}
	}
}
