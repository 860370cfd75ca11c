package main

import (
	"fmt"
	"os"
	"strings"
)

// lookUp returns the setting's value in a layer of variables, the environment or .env, and the name of the variable it came
// from; ok is false where the layer has none. A secret may be in a file instead, which the variable's name with _FILE
// behind it names: container platforms hand secrets over as files, and what is in no variable cannot leak with them.
func (item *setting) lookUp(layer map[string]string) (value, from string, ok bool, err error) {
	value, ok = layer[item.variable]
	if !item.secret {
		return value, item.variable, ok, nil
	}
	variable := item.variable + "_FILE"
	path, inFile := layer[variable]
	if !inFile {
		return value, item.variable, ok, nil
	}
	if ok {
		return "", "", false, usageError{fmt.Errorf("both %s and %s are set; set one of them", item.variable, variable)}
	}
	content, err := os.ReadFile(path) // #nosec G304 -- whoever starts the program names the file
	if err != nil {
		return "", "", false, usageError{fmt.Errorf("%s: %w", variable, err)}
	}
	return strings.TrimRight(string(content), "\r\n"), variable, true, nil // an editor ends the last line
}
